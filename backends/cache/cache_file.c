/* cache_file.c: the file of one object; see cache.h */
#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../module.h"
#include "sha256.h"

enum { TRIES = 5 };

/*
 * Waits between two looks for what another process fetches, in ns: the first one, how much longer
 * it is for each page, and the longest. Many processes that wait for large pieces at once would
 * else be busy with looking, on the cores that who fetches needs.
 */
enum { WAIT_FIRST = 200000, WAIT_PAGE = 4000, WAIT_LONGEST = 5000000 };

/*
 * Who fetches may be slow, and shows it is at it by pages that come; one that is
 * stopped shows nothing. Two that fetch the same pages write the same bytes.
 */
#define PATIENCE (UINT64_C(30) * 1000000000)

/* How many pages were there, and when it is too late for another one. */
struct patience {
    size_t there;
    uint64_t end; /* module_now; 0: it begins */
};

/* --- names ------------------------------------------------------------------------------ */

/* Unlike a short hash this is nobody's to forge: a stranger's URL can't mean another's file. */
bool cache_name(char name[CACHE_NAME], const char *store, const char *key,
                const struct ps_object_info *expected)
{
    char text[3 * PS_URI_MAX + PS_VERSION_MAX + 128];
    uint8_t digest[SHA256_SIZE];
    size_t used = strlen(CACHE_PREFIX);
    int length = snprintf(text, sizeof(text), "libps cache 4\n%llu\n%s\n%s\n%s",
                          (unsigned long long)expected->size, expected->version, store, key);

    if (length < 0 || (size_t)length >= sizeof(text))
        return false;
    sha256(digest, text, (size_t)length);
    strcpy(name, CACHE_PREFIX);
    for (size_t i = 0; used < CACHE_NAME - 1; used += 2)
        snprintf(name + used, 3, "%02x", digest[i++]);
    return true;
}

/* --- opening ---------------------------------------------------------------------------- */

int cache_fd_hold(struct cache_fd *out, int fd, struct ps_error *err)
{
    struct stat st;
    int result = 0;

    out->fd = -1;
    if (fstat(fd, &st) < 0) {
        result = ps_error_set(err, PS_E_SYSTEM, errno, "PS_CACHE");
        close(fd);
        return result;
    }
    result = ps_backend_hold(fd, err);
    if (result < 0)
        return result;
    *out = (struct cache_fd){result, st.st_dev, st.st_ino};
    return 0;
}

bool cache_fd_is_ours(const struct cache_fd *fd)
{
    struct stat st;

    return fd->fd >= 0 && fstat(fd->fd, &st) == 0 && st.st_dev == fd->device &&
           st.st_ino == fd->inode;
}

void cache_fd_close(struct cache_fd *fd)
{
    if (cache_fd_is_ours(fd))
        ps_backend_unhold(fd->fd);
    fd->fd = -1;
}

/* Of an open file: shared by this process's threads, for whom libps sees to it that no two fetch
 * the same. */
int cache_lock(int fd, short type, uint64_t start, uint64_t length)
{
    struct flock lock = {
        .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)start, .l_len = (off_t)length};

    return fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
}

/* Has it its name still, and can only this user have written it? */
static bool is_file(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_nlink == 1 && S_ISREG(st.st_mode) &&
           st.st_uid == geteuid() && (st.st_mode & 077) == 0;
}

bool cache_file_join(const struct cache_file *file)
{
    return cache_lock(file->fd.fd, F_RDLCK, file->base, 1) == 0 &&
           (file->base != 0 ? cache_tree_has(file) : is_file(file->fd.fd));
}

void cache_file_leave(const struct cache_file *file)
{
    if (cache_fd_is_ours(&file->fd))
        cache_lock(file->fd.fd, F_UNLCK, file->base, 1);
}

/* By the room's own link to it: a descriptor has locks of its own only if it was opened anew. */
static int open_again(const struct cache_room *room)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", room->dir.fd);
    return open(path, O_RDWR | O_CLOEXEC);
}

static int open_one(const struct cache_file *file, const struct cache_room *room)
{
    const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;

    return room->is_tree ? open_again(room) : openat(room->dir.fd, file->name, flags, 0600);
}

/* Takes it into use, with the time at which it was used last. */
static bool begin_use(struct cache_file *file, const struct cache_room *room)
{
    return room->is_tree ? cache_tree_take(file)
                         : cache_file_join(file) && futimens(file->fd.fd, NULL) == 0;
}

void cache_file_open(struct cache_file *file, const struct cache_room *room)
{
    file->fd.fd = -1;
    file->base = 0;
    for (int i = 0; i < TRIES && cache_fd_is_ours(&room->dir); i++) {
        int fd = open_one(file, room);

        if (fd < 0 || cache_fd_hold(&file->fd, fd, NULL) < 0 || begin_use(file, room))
            return;
        cache_fd_close(&file->fd);
    }
}

/* --- pages and their sums --------------------------------------------------------------- */

static uint64_t group_of(uint64_t page)
{
    const uint64_t size = (UINT64_C(1) + CACHE_GROUP) * CACHE_PAGE;

    return CACHE_PAGE + page / CACHE_GROUP * size;
}

static uint64_t place_of_sum(uint64_t base, uint64_t page)
{
    return base + group_of(page) + page % CACHE_GROUP * sizeof(uint64_t);
}

static uint64_t place_of_page(uint64_t base, uint64_t page)
{
    return base + group_of(page) + CACHE_PAGE + page % CACHE_GROUP * CACHE_PAGE;
}

/* FNV-1a by words, with a shift that brings high bits down (Fowler, Noll, Vo). */
static inline uint64_t mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * UINT64_C(0x100000001b3);
    return sum ^ sum >> 32;
}

/*
 * Four sums side by side, each of every fourth word, as a multiplication waits
 * for the one before it; and a sum of them. Begins with the page's number: one
 * that is in another's place is not right.
 */
static uint64_t sum_of(uint64_t page, const char *bytes, size_t size)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325) ^ page, words[4];
    uint64_t a = sum, b = sum, c = sum, d = sum;
    size_t tail = size % sizeof(words), whole = size - tail;

    for (size_t at = 0; at < whole; at += sizeof(words)) {
        memcpy(words, bytes + at, sizeof(words));
        a = mix(a, words[0]);
        b = mix(b, words[1]);
        c = mix(c, words[2]);
        d = mix(d, words[3]);
    }
    memset(words, 0, sizeof(words));
    memcpy(words, bytes + whole, tail);
    sum = mix(sum, mix(a, words[0]));
    sum = mix(sum, mix(b, words[1]));
    sum = mix(sum, mix(c, words[2]));
    sum = mix(sum, mix(d, words[3]));
    return sum != 0 ? sum : 1;
}

static void sum_pages(uint64_t *sums, uint64_t first, const char *bytes, size_t size)
{
    for (size_t at = 0; at < size; at += CACHE_PAGE)
        *sums++ = sum_of(first++, bytes + at, size - at < CACHE_PAGE ? size - at : CACHE_PAGE);
}

static size_t read_some(int fd, void *buffer, size_t size, uint64_t offset)
{
    size_t done = 0;

    while (done < size) {
        ssize_t got = pread(fd, (char *)buffer + done, size - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

void cache_file_sums(struct cache_place at, uint64_t first, size_t count, uint64_t *sums)
{
    size_t got =
        read_some(at.fd, sums, count * sizeof(*sums), place_of_sum(at.base, first)) / sizeof(*sums);

    memset(sums + got, 0, (count - got) * sizeof(*sums));
}

static size_t count_there(struct cache_place at, uint64_t first, size_t count)
{
    uint64_t sums[CACHE_GROUP];
    size_t there = 0;

    cache_file_sums(at, first, count, sums);
    for (size_t page = 0; page < count; page++)
        there += sums[page] != 0;
    return there;
}

/* Half of what is left until this thread's deadline: who fetches alone then needs the rest. */
static uint64_t patience_until(uint64_t now)
{
    uint64_t deadline = ps_backend_deadline(), left = deadline > now ? (deadline - now) / 2 : 0;

    return now + (left < PATIENCE ? left : PATIENCE);
}

/* Is it worth to wait on? Pages that have come since the last call give time anew. */
static bool is_patient(struct patience *patience, size_t there, _Atomic uint64_t *alone)
{
    uint64_t now = module_now();

    if (there > patience->there || patience->end == 0)
        *patience = (struct patience){there, patience_until(now)};
    if (now > patience->end)
        atomic_store(alone, now + PATIENCE);
    return now >= atomic_load(alone);
}

bool cache_file_lock(struct cache_place at, uint64_t first, size_t count, _Atomic uint64_t *alone)
{
    struct patience patience = {0};
    struct timespec wait = {.tv_nsec = WAIT_FIRST + (long)count * WAIT_PAGE};
    int error;

    /* not one call that waits: who holds it may have been stopped */
    while ((error = cache_lock(at.fd, F_WRLCK, place_of_sum(at.base, first),
                               count * sizeof(uint64_t))) == EAGAIN ||
           error == EACCES) {
        size_t there = count_there(at, first, count);

        if (there == count || !is_patient(&patience, there, alone))
            return false;
        nanosleep(&wait, NULL);
        wait.tv_nsec = 2 * wait.tv_nsec < WAIT_LONGEST ? 2 * wait.tv_nsec : WAIT_LONGEST;
    }
    return error == 0;
}

void cache_file_unlock(struct cache_place at, uint64_t first, size_t count)
{
    cache_lock(at.fd, F_UNLCK, place_of_sum(at.base, first), count * sizeof(uint64_t));
}

bool cache_file_read(struct cache_place at, uint64_t first, void *buffer, size_t size,
                     const uint64_t *sums)
{
    uint64_t right[CACHE_GROUP];
    size_t pages = (size + CACHE_PAGE - 1) / CACHE_PAGE;

    if (read_some(at.fd, buffer, size, place_of_page(at.base, first)) != size)
        return false;
    sum_pages(right, first, buffer, size);
    return memcmp(right, sums, pages * sizeof(*sums)) == 0;
}

static int write_all(int fd, const void *buffer, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t put =
            module_write(fd, (const char *)buffer + done, size - done, (off_t)(offset + done));

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return put < 0 ? errno : ENOSPC;
        done += (size_t)put;
    }
    return 0;
}

int cache_file_write(struct cache_place at, uint64_t first, const void *buffer, size_t size)
{
    uint64_t sums[CACHE_GROUP];
    size_t pages = (size + CACHE_PAGE - 1) / CACHE_PAGE;
    int error = write_all(at.fd, buffer, size, place_of_page(at.base, first));

    if (error != 0)
        return error;
    sum_pages(sums, first, buffer, size);
    return write_all(at.fd, sums, pages * sizeof(*sums), place_of_sum(at.base, first));
}

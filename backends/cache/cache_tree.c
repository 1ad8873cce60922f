/*
 * cache_tree.c: the cache that the processes below a psctl run share; see cache.h
 *
 * One sparse memfd, which psctl run makes: its programs inherit a descriptor of it
 * that can't be read or written, and open it by that. So it goes with the last of
 * them however they end, and a process that has given up its user's rights can
 * put nothing there. Its first page is for all; then an object has a slot of
 * CACHE_SLOT bytes, in one of a few places that its name gives. A slot begins, in
 * the page of nothing, with the object's name.
 *
 * Locks: on the second byte of the file, that somebody looks for a free slot; on
 * the first one of a slot, that it is used.
 */
#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../module.h"

enum { SLOTS = 1 << 18, PLACES = 8, TRIES = 5 };

/* At the beginning of the file. */
enum { SHARED, CLAIMS };

/* At the beginning of a slot; no name: it is free. */
struct slot {
    char name[CACHE_NAME + 1];
    uint64_t used; /* when it was opened last, in ns of the day's clock */
};

/* --- the file --------------------------------------------------------------------------- */

static const char form[] = "/proc/%d/fd/%d%n";

static bool split(const char *path, int *process, int *fd)
{
    int length = 0;

    return sscanf(path, form, process, fd, &length) == 2 && path[length] == '\0';
}

bool cache_tree_is(const char *path)
{
    int process, fd;

    return split(path, &process, &fd);
}

/* By its link: the number may mean something else by now, which must not be opened. */
static bool is_tree(const char *path)
{
    const char *name = "/memfd:" PS_TREE_CACHE " (deleted)";
    char link[64];
    ssize_t length = readlink(path, link, sizeof(link) - 1);

    link[length > 0 ? length : 0] = '\0';
    return strcmp(link, name) == 0;
}

static int open_file(const char *path)
{
    struct stat st;
    char opened[64];
    int fd = is_tree(path) ? open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK) : -1;

    snprintf(opened, sizeof(opened), "/proc/self/fd/%d", fd);
    if (fd >= 0 && is_tree(opened) && fstat(fd, &st) == 0 && st.st_uid == geteuid())
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void mark_shared(const struct cache_room *room)
{
    if (cache_fd_is_ours(&room->dir))
        module_write(room->dir.fd, "\1", 1, SHARED);
}

void cache_tree_open(struct cache_room *room, const char *path)
{
    char own[64];
    int process, number, fd;

    room->is_tree = true;
    room->dir.fd = -1;
    if (!split(path, &process, &number))
        return;
    snprintf(own, sizeof(own), "/proc/self/fd/%d", number);
    fd = open_file(own);
    /* a program may have closed its own */
    if (fd < 0)
        fd = open_file(path);
    if (fd < 0 || cache_fd_hold(&room->dir, fd, NULL) < 0)
        return;
    room->is_first = process == getpid();
    if (!room->is_first)
        mark_shared(room);
}

/* --- who shares it ---------------------------------------------------------------------- */

static bool has_children(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) == 0 ||
           errno != ECHILD;
}

/*
 * To keep bytes takes time and memory, in vain where nobody else is there to use
 * them. The first process is alone until it has a child, or some process below
 * it has opened the file: then others may follow.
 */
bool cache_tree_is_shared(struct cache_room *room)
{
    char mark = 0;

    if (!room->is_tree)
        return true;
    if (room->dir.fd < 0)
        return false;
    if (!room->is_first || atomic_load(&room->is_shared))
        return true;
    if (pread(room->dir.fd, &mark, 1, SHARED) != 1)
        mark = 0;
    if (mark == 0 && !has_children())
        return false;
    mark_shared(room);
    atomic_store(&room->is_shared, true);
    return true;
}

/* --- slots ------------------------------------------------------------------------------ */

static bool read_slot(int fd, uint64_t base, struct slot *slot)
{
    ssize_t got = pread(fd, slot, sizeof(*slot), (off_t)base);

    if (got >= 0 && (size_t)got < sizeof(*slot)) /* behind the end of the file */
        memset((char *)slot + got, 0, sizeof(*slot) - (size_t)got);
    return got >= 0;
}

/* Of nobody's who uses it: the slot is locked for writing. */
static bool empty_slot(int fd, uint64_t base)
{
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)base,
                     (off_t)CACHE_SLOT) == 0;
}

/* The i-th place of an object. */
static uint64_t place_of(const char *name, uint64_t i)
{
    char digits[16] = "";
    uint64_t first;

    memcpy(digits, name + strlen(CACHE_PREFIX), sizeof(digits) - 1);
    first = strtoull(digits, NULL, 16);
    return ((first + i) % SLOTS + 1) * CACHE_SLOT;
}

/* The place of that name, or else of none; 0: there is neither. */
static uint64_t find(int fd, const char *name, bool wants_free)
{
    struct slot slot;

    for (uint64_t i = 0; i < PLACES; i++) {
        uint64_t base = place_of(name, i);

        if (read_slot(fd, base, &slot) && strcmp(slot.name, wants_free ? "" : name) == 0)
            return base;
    }
    return 0;
}

bool cache_tree_has(const struct cache_file *file)
{
    struct slot slot;

    return read_slot(file->fd.fd, file->base, &slot) && strcmp(slot.name, file->name) == 0;
}

static uint64_t time_of_day(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Used by this process from now on, if it is there. */
static bool join(struct cache_file *file)
{
    uint64_t now = time_of_day();

    file->base = find(file->fd.fd, file->name, false);
    return file->base != 0 && cache_file_join(file) &&
           module_write(file->fd.fd, &now, sizeof(now),
                        (off_t)(file->base + offsetof(struct slot, used))) == sizeof(now);
}

/* What was in a free one goes first: pages of an object that was taken away while it was read. */
static bool claim(struct cache_file *file)
{
    struct slot slot = {.used = time_of_day()};
    int fd = file->fd.fd;

    file->base = find(fd, file->name, true);
    strcpy(slot.name, file->name);
    return file->base != 0 && cache_lock(fd, F_WRLCK, file->base, 1) == 0 &&
           empty_slot(fd, file->base) &&
           module_write(fd, &slot, sizeof(slot), (off_t)file->base) == sizeof(slot) &&
           cache_lock(fd, F_RDLCK, file->base, 1) == 0;
}

bool cache_tree_take(struct cache_file *file)
{
    struct timespec wait = {.tv_nsec = 100000};
    int fd = file->fd.fd, error = EAGAIN;
    bool is_taken = join(file);

    for (int i = 0; !is_taken && i < TRIES && error == EAGAIN; i++) {
        if (i > 0)
            nanosleep(&wait, NULL);
        error = cache_lock(fd, F_WRLCK, CLAIMS, 1);
    }
    if (is_taken || error != 0)
        return is_taken;
    is_taken = join(file) || claim(file); /* another may have been there first */
    cache_lock(fd, F_UNLCK, CLAIMS, 1);
    return is_taken;
}

/* Its pages stay until the slot is free of users. */
void cache_tree_remove(const struct cache_room *room, const char *name)
{
    uint64_t base = find(room->dir.fd, name, false);

    if (base != 0)
        module_write(room->dir.fd, "", 1, (off_t)(base + offsetof(struct slot, name)));
}

/* --- room ------------------------------------------------------------------------------- */

uint64_t cache_tree_bytes(const struct cache_room *room)
{
    struct stat st;

    return fstat(room->dir.fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

struct list {
    struct found {
        uint64_t base, used;
    } * slots;
    size_t count, room;
};

static bool list_slots(struct list *list, int fd)
{
    struct slot slot;

    for (off_t at = CACHE_SLOT; (at = lseek(fd, at, SEEK_DATA)) > 0; at += CACHE_SLOT) {
        at -= at % (off_t)CACHE_SLOT;
        if (list->count == list->room) {
            size_t room = list->room ? 2 * list->room : 64;
            struct found *slots = reallocarray(list->slots, room, sizeof(*slots));

            if (slots == NULL)
                return false;
            list->slots = slots;
            list->room = room;
        }
        if (read_slot(fd, (uint64_t)at, &slot))
            list->slots[list->count++] = (struct found){(uint64_t)at, slot.used};
    }
    return true;
}

static int by_use(const void *one, const void *other)
{
    uint64_t a = ((const struct found *)one)->used, b = ((const struct found *)other)->used;

    return a < b ? -1 : a > b;
}

bool cache_tree_shrink(const struct cache_room *room, uint64_t bytes, uint64_t wanted)
{
    struct list list = {0};
    char path[64];
    int fd;

    if (cache_tree_bytes(room) <= bytes)
        return true;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", room->dir.fd);
    fd = open_file(path); /* for locks of its own */
    if (fd >= 0 && list_slots(&list, fd))
        qsort(list.slots, list.count, sizeof(*list.slots), by_use);
    for (size_t i = 0; i < list.count && cache_tree_bytes(room) > wanted; i++)
        if (cache_lock(fd, F_WRLCK, list.slots[i].base, 1) == 0) {
            empty_slot(fd, list.slots[i].base);
            cache_lock(fd, F_UNLCK, list.slots[i].base, 1);
        }
    free(list.slots);
    if (fd >= 0)
        close(fd);
    return cache_tree_bytes(room) <= bytes;
}

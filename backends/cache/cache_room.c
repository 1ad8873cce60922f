/* cache_room.c: the folder of the cache, and its limit; see cache.h */
#include "cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "../module.h"

enum { LOOKS = 32 }; /* in the time that the whole limit is filled */

#define FULL_TIME (UINT64_C(1) * 1000000000)

/* One file of the cache. */
struct entry {
    char name[CACHE_NAME];
    struct timespec used;
    uint64_t bytes;
};

struct list {
    struct entry *entries;
    size_t count, room;
    uint64_t bytes;
};

/* --- the folder ------------------------------------------------------------------------- */

/* Only this user's, or others could put bytes there, or read those of private objects. */
static int check_folder(int dir, const char *path, struct ps_error *err)
{
    struct stat st;

    if (fstat(dir, &st) < 0)
        return ps_error_set(err, PS_E_SYSTEM, errno, "PS_CACHE: %.150s", path);
    if (st.st_uid != geteuid())
        return ps_error_set(err, PS_E_REFUSED, 0, "PS_CACHE: %.150s is another user's", path);
    if (st.st_mode & 077)
        return ps_error_set(err, PS_E_REFUSED, 0,
                            "PS_CACHE: %.150s is open to others (chmod 700 makes it private)",
                            path);
    return 0;
}

static int open_folder(struct cache_fd *out, const char *path, struct ps_error *err)
{
    int dir, result;

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return ps_error_set(err, PS_E_SYSTEM, errno, "PS_CACHE: making %.150s", path);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return ps_error_set(err, PS_E_SYSTEM, errno, "PS_CACHE: %.150s", path);
    result = check_folder(dir, path, err);
    if (result < 0) {
        close(dir);
        return result;
    }
    return cache_fd_hold(out, dir, err);
}

int cache_room_open(struct cache_room *room, struct ps_error *err)
{
    const char *folder;
    int result = ps_backend_cache_folder(&folder, &room->limit, err);

    pthread_mutex_init(&room->look, NULL);
    if (result == 0 && cache_tree_is(folder))
        cache_tree_open(room, folder);
    else if (result == 0)
        result = open_folder(&room->dir, folder, err);
    return result;
}

void cache_room_close(struct cache_room *room)
{
    cache_fd_close(&room->dir);
}

/* --- what is in it ---------------------------------------------------------------------- */

static bool is_name(const char *name)
{
    size_t prefix = strlen(CACHE_PREFIX), digits = CACHE_NAME - 1 - prefix;

    return strncmp(name, CACHE_PREFIX, prefix) == 0 && strlen(name + prefix) == digits &&
           strspn(name + prefix, "0123456789abcdef") == digits;
}

static bool add_entry(struct list *list, int dir, const char *name)
{
    struct stat st;

    if (!is_name(name) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return true;
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        struct entry *entries = reallocarray(list->entries, room, sizeof(*entries));

        if (entries == NULL)
            return false;
        list->entries = entries;
        list->room = room;
    }
    strcpy(list->entries[list->count].name, name);
    list->entries[list->count].used = st.st_mtim;
    list->entries[list->count].bytes = (uint64_t)st.st_blocks * 512;
    list->bytes += list->entries[list->count++].bytes;
    return true;
}

static bool list_files(struct list *list, int dir)
{
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry;
    bool good = true;

    if (stream == NULL) {
        if (copy >= 0)
            close(copy);
        return false;
    }
    while (good && (entry = readdir(stream)) != NULL)
        good = add_entry(list, dir, entry->d_name);
    closedir(stream);
    return good;
}

static int by_use(const void *one, const void *other)
{
    const struct timespec *a = &((const struct entry *)one)->used;
    const struct timespec *b = &((const struct entry *)other)->used;

    if (a->tv_sec != b->tv_sec)
        return a->tv_sec < b->tv_sec ? -1 : 1;
    return a->tv_nsec < b->tv_nsec ? -1 : a->tv_nsec > b->tv_nsec;
}

/*
 * Unless somebody uses it: the lock keeps those out who come now, and then find it removed. One
 * that another process has removed by now has gone as well: not the next one for it, too.
 */
static bool remove_unused(int dir, const char *name)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    int fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    bool removed;

    if (fd < 0)
        return errno == ENOENT;
    removed = fcntl(fd, F_OFD_SETLK, &lock) == 0 && fstat(fd, &st) == 0 &&
              (st.st_nlink == 0 || unlinkat(dir, name, 0) == 0);
    close(fd);
    return removed;
}

void cache_room_remove(const struct cache_room *room, const char *name)
{
    if (!cache_fd_is_ours(&room->dir))
        return;
    if (room->is_tree)
        cache_tree_remove(room, name);
    else
        unlinkat(room->dir.fd, name, 0);
}

/* Of what has no size of its own: a tree's file, ramfs, or a tmpfs that was given none. */
static uint64_t memory_left(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    unsigned long long kib = 0;
    char line[128];

    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return kib * 1024;
}

static uint64_t space_left(const struct cache_room *room)
{
    struct statvfs fs;

    if (room->is_tree)
        return memory_left();
    if (fstatvfs(room->dir.fd, &fs) < 0)
        return 0;
    return fs.f_blocks != 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : memory_left();
}

/* bytes: what the files have now. Never all of a file system: it is not for the cache alone. */
static uint64_t limit_of(const struct cache_room *room, uint64_t bytes)
{
    uint64_t most = bytes + space_left(room);

    most -= room->limit == 0 || room->is_tree ? most / 2 : most / 16;
    return room->limit != 0 && room->limit < most ? room->limit : most;
}

/* By what is unused longest. A bit more than has to go, so that not each add has to look. */
static void shrink_folder(const struct cache_room *room, struct list *list, uint64_t most,
                          uint64_t wanted)
{
    if (list->bytes <= most)
        return;
    qsort(list->entries, list->count, sizeof(*list->entries), by_use);
    for (size_t i = 0; i < list->count && list->bytes > wanted; i++)
        if (remove_unused(room->dir.fd, list->entries[i].name))
            list->bytes -= list->entries[i].bytes;
}

static uint64_t less(uint64_t from, uint64_t what)
{
    return from > what ? from - what : 0;
}

static bool make_room_in_tree(struct cache_room *room)
{
    uint64_t going = atomic_load(&room->going), limit = limit_of(room, cache_tree_bytes(room));
    bool fits = cache_tree_shrink(room, less(limit, going), less(limit, going + limit / LOOKS));

    atomic_store(&room->most, limit);
    atomic_store(&room->step, limit / LOOKS);
    return fits && going <= limit;
}

/*
 * The count first, then what is there: what is written after the count was read is counted
 * once or twice. What others have counted before, and not written yet, is not seen: the limit
 * holds but for what is being written at a look.
 */
static bool make_room_in_folder(struct cache_room *room)
{
    uint64_t count = cache_count_look(room->dir.fd), going = atomic_load(&room->going), limit;
    struct list list = {0};
    bool fits = false;

    if (list_files(&list, room->dir.fd)) {
        limit = limit_of(room, list.bytes);
        shrink_folder(room, &list, less(limit, going), less(limit, going + limit / LOOKS));
        fits = list.bytes <= limit && going <= limit - list.bytes;
        atomic_store(&room->spare, 0); /* counted before this count */
        /* until first: who finds a count that was begun anew finds how far it may go */
        atomic_store(&room->until, count + (fits ? (limit - list.bytes - going) / CACHE_UNIT : 0));
        atomic_store(&room->seen, count);
    }
    free(list.entries);
    return fits;
}

/* A look costs time, so it is not taken at each call. A tree's file itself says what others add. */
static bool has_room_in_tree(struct cache_room *room, uint64_t size)
{
    return atomic_fetch_add(&room->added, size) + size <= atomic_load(&room->step) &&
           cache_tree_bytes(room) + atomic_load(&room->going) <= atomic_load(&room->most);
}

static bool take_spare(struct cache_room *room, uint64_t size)
{
    uint64_t spare = atomic_load(&room->spare);

    while (spare >= size)
        if (atomic_compare_exchange_weak(&room->spare, &spare, spare - size))
            return true;
    return false;
}

/*
 * Of small adds only some have to count. A count that is 0, or less than it was, says nothing: the
 * file went, or was begun anew.
 */
static bool has_room_in_folder(struct cache_room *room, uint64_t size)
{
    uint64_t bytes = size + 2 * CACHE_PAGE; /* with the pages of nothing and of sums */
    uint64_t units = (bytes + CACHE_UNIT - 1) / CACHE_UNIT, count;

    if (take_spare(room, bytes))
        return true;
    count = cache_count_add(room->dir.fd, units);
    if (count == 0 || count < atomic_load(&room->seen) || count > atomic_load(&room->until))
        return false;
    atomic_fetch_add(&room->spare, units * CACHE_UNIT - bytes);
    return true;
}

/* Is there room for what is being added, perhaps when what has to go is gone? */
static bool make_room(struct cache_room *room, uint64_t size)
{
    bool fits;

    if (!cache_fd_is_ours(&room->dir))
        return false;
    if (room->is_tree ? has_room_in_tree(room, size) : has_room_in_folder(room, size))
        return true;
    pthread_mutex_lock(&room->look);
    atomic_store(&room->added, 0);
    fits = room->is_tree ? make_room_in_tree(room) : make_room_in_folder(room);
    pthread_mutex_unlock(&room->look);
    return fits;
}

bool cache_room_for(struct cache_room *room, uint64_t size)
{
    if (module_now() < atomic_load(&room->full))
        return false;
    atomic_fetch_add(&room->going, size);
    if (make_room(room, size))
        return true;
    cache_room_is_full(room);
    cache_room_done(room, size);
    return false;
}

void cache_room_done(struct cache_room *room, uint64_t size)
{
    atomic_fetch_sub(&room->going, size);
}

void cache_room_is_full(struct cache_room *room)
{
    atomic_store(&room->full, module_now() + FULL_TIME);
}

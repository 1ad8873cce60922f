/*
 * cache.h: what the files of the node's cache share
 *
 * An object in the cache is one sparse file in the folder PS_CACHE. After a page
 * of nothing come groups: a page of sums, and the 512 pages that they are of. A
 * page is there when its sum is not 0 and is right. It is written first, and its
 * sum after it, but no order is relied upon: what a process that died, a crash
 * of the machine or a full disk has lost is a page whose sum is wrong.
 *
 * Processes agree by locks on the files, which go with the process however it
 * ends: on the first byte, that the file is being used; on the bytes of sums,
 * that somebody fetches their pages.
 *
 * What psctl run makes for a tree of processes is no folder but one file in
 * memory, without a name, which goes with the last of them: see cache_tree.c. An
 * object is there what it is in a file of its own, from its base on.
 */
#ifndef PS_CACHE_H
#define PS_CACHE_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <ps/backend.h>

enum {
    CACHE_PAGE = 4096,
    CACHE_GROUP = 512, /* pages */
    CACHE_KEPT = 8,    /* files that stay open between reads */
    CACHE_NAME = 71,   /* CACHE_PREFIX, 64 digits and a NUL */
};

/* Bytes of a tree's file that an object has, and the most of one that is kept there. */
#define CACHE_SLOT    (UINT64_C(1) << 44)
#define CACHE_LARGEST (CACHE_SLOT / 2)

/* Other programs name files by such digits alone. */
#define CACHE_PREFIX "libps-"

/* A held descriptor, and of what: a program that closed it may have another file there by now. */
struct cache_fd {
    int fd; /* negative: none */
    dev_t device;
    ino_t inode;
};

/* The folder or the tree's file, and how much may be in it. */
struct cache_room {
    struct cache_fd dir;
    bool is_tree;
    bool is_first;          /* the process that psctl run has started */
    _Atomic bool is_shared; /* known to be: cache_tree_is_shared */
    uint64_t limit;         /* bytes; 0: half of what the file system has room for */
    _Atomic uint64_t going; /* bytes that are being added now */
    _Atomic uint64_t full;  /* until this time (module_now) nothing is added */
    pthread_mutex_t look;   /* one thread at a time looks at what is there, and sets what follows */
    _Atomic uint64_t seen;  /* a folder's count (cache_count.c) at the last look */
    _Atomic uint64_t until; /* up to which count there was room then */
    _Atomic uint64_t spare; /* bytes that were counted and not needed */
    _Atomic uint64_t most;  /* a tree's: what the limit was then */
    _Atomic uint64_t added; /* bytes since then */
    _Atomic uint64_t step;  /* that may be added before the next one */
};

/* Where an object's bytes are. */
struct cache_place {
    int fd;
    uint64_t base; /* 0: in a file of their own */
};

/* An object's file, opened. */
struct cache_file {
    struct cache_fd fd;
    uint64_t base;
    unsigned users;
    char *key; /* of the object, and what is expected of it: to find it without its name */
    struct ps_object_info expected;
    uint64_t last; /* when it was given back; the one kept longest goes first */
    char name[CACHE_NAME];
};

/* --- cache_room.c --- */

/* cache_room_open: PS_CACHE and PS_CACHE_SIZE; the folder is made if it is missing */
int cache_room_open(struct cache_room *room, struct ps_error *err);
void cache_room_close(struct cache_room *room);

/*
 * cache_room_for: may so many bytes be added? cache_room_done, once they are, or are not
 *
 * Looks at what is there, now and then, and removes files that nobody uses,
 * those unused longest first, until all are within the limit. What other processes
 * were about to write at the look may be above it.
 */
bool cache_room_for(struct cache_room *room, uint64_t size);
void cache_room_done(struct cache_room *room, uint64_t size);

/* cache_room_remove: the file of that name goes, also where it is in use */
void cache_room_remove(const struct cache_room *room, const char *name);

/* cache_room_is_full: the file system had no room for what was to be added */
void cache_room_is_full(struct cache_room *room);

/* --- cache_count.c --- */

/* What a count counts, in bytes, and the most of them that are added at once: a group. */
#define CACHE_UNIT  (UINT64_C(64) << 10)
#define CACHE_UNITS (CACHE_GROUP * CACHE_PAGE / CACHE_UNIT + 1)

/*
 * cache_count_add: what all processes have added to a folder, with so many more, in units
 *
 * 0: that can't be counted.
 */
uint64_t cache_count_add(int dir, size_t units);

/* cache_count_look: the same, without adding; it may begin anew, from 0 */
uint64_t cache_count_look(int dir);

/* --- cache_file.c --- */

/* cache_fd_hold: fd is taken over, also where it fails: a negative code, and there is none then */
int cache_fd_hold(struct cache_fd *out, int fd, struct ps_error *err);
bool cache_fd_is_ours(const struct cache_fd *fd);

void cache_fd_close(struct cache_fd *fd);

/*
 * cache_name: the name of an object's file; false: it can't have one. store: where it is
 *
 * Of all that a proxy says of the object: one that lies is not served what others fetched.
 */
bool cache_name(char name[CACHE_NAME], const char *store, const char *key,
                const struct ps_object_info *expected);

static inline struct cache_place cache_place_of(const struct cache_file *file)
{
    return (struct cache_place){file->fd.fd, file->base};
}

/* cache_lock: length bytes of an open file, without waiting; 0, or an errno */
int cache_lock(int fd, short type, uint64_t start, uint64_t length);

/*
 * cache_file_join: the file is in use, until cache_file_leave: nobody removes it
 *
 * False: it is being removed, or was, or it is not one that only this user can
 * have written: the folder may have been open to others once.
 */
bool cache_file_join(const struct cache_file *file);
void cache_file_leave(const struct cache_file *file);

/*
 * cache_file_open: the file of file->name, made if it is missing, and joined
 *
 * None: it can't be cached now.
 */
void cache_file_open(struct cache_file *file, const struct cache_room *room);

/*
 * cache_file_lock: keep others from fetching pages, of one group
 *
 * False: not so. They are all there by now, or who fetches them got nowhere for
 * a while. Until *alone, a time that is set then, the next ones do not wait at all.
 */
bool cache_file_lock(struct cache_place at, uint64_t first, size_t count, _Atomic uint64_t *alone);
void cache_file_unlock(struct cache_place at, uint64_t first, size_t count);

/* cache_file_sums: of pages of one group; 0 for those that are not there */
void cache_file_sums(struct cache_place at, uint64_t first, size_t count, uint64_t *sums);

/* cache_file_read: bytes of pages that have these sums; false: they are not there after all */
bool cache_file_read(struct cache_place at, uint64_t first, void *buffer, size_t size,
                     const uint64_t *sums);

/* cache_file_write: pages of one group, and their sums; 0, or an errno */
int cache_file_write(struct cache_place at, uint64_t first, const void *buffer, size_t size);

/* --- cache_tree.c --- */

/* cache_tree_is: is that path one of a tree's file? */
bool cache_tree_is(const char *path);

/* cache_tree_open: there is none, and no error, where the tree has ended, or is another user's */
void cache_tree_open(struct cache_room *room, const char *path);

/* cache_tree_is_shared: has it, or will it have, other readers than the first process? */
bool cache_tree_is_shared(struct cache_room *room);

/* cache_tree_take: the object's place, joined; false: there is none now */
bool cache_tree_take(struct cache_file *file);

/* cache_tree_has: is the object still there? Who has joined knows that it stays. */
bool cache_tree_has(const struct cache_file *file);

/* cache_tree_remove: no process finds the object any more */
void cache_tree_remove(const struct cache_room *room, const char *name);

/* cache_tree_bytes: what the file takes */
uint64_t cache_tree_bytes(const struct cache_room *room);

/*
 * cache_tree_shrink: to so many bytes, or, if it has more, to wanted, by what nobody uses
 *
 * False: there is more in use.
 */
bool cache_tree_shrink(const struct cache_room *room, uint64_t bytes, uint64_t wanted);

#endif

/*
 * image.h: the sparse file in memory in which an object's bytes appear
 *
 * An image is a memfd (or an unlinked tmpfs file where huge pages of shared
 * memory would make holes look present) as large as the object, with a block
 * table beside it. Programs get descriptors and mappings of it, so the kernel
 * itself does offsets, dup, sendfile and page cache.
 *
 * A direct image is no image at all: the store handed out a descriptor of the
 * object itself, and the view is that file. It has no table.
 *
 * struct ps_image lives in an array that is never freed, so a handler may
 * look at one that is just being released; refs and state tell what it found.
 */
#ifndef PS_IMAGE_H
#define PS_IMAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include <ps/backend.h>
#include <ps/proxy.h>
#include <ps/stats.h>

#include "ahead.h"
#include "table.h"

struct ps_handle;

enum ps_image_state { PS_IMAGE_FREE, PS_IMAGE_LIVE, PS_IMAGE_DYING };

enum { PS_IMAGES_MAX = 1 << 14, PS_NAME_CHUNKS = 11 };

/* Of the file: its user's; the sticky bit means nothing on files, but only images have it. */
enum { PS_IMAGE_MODE = 01600 };

/* A proxy file that an image was opened by */
struct ps_image_name {
    struct stat st;
    char *_Atomic path; /* absolute, as it was then; owned; or NULL: not known, or not yet */
};

struct ps_image {
    _Atomic uint32_t state; /* an enum ps_image_state */
    _Atomic uint32_t refs;  /* regions, requests and calls that use it now */
    _Atomic uint64_t inode; /* of the image, or of the object itself when direct */
    uint64_t device;
    uint32_t user; /* for whom it was opened; nobody else could open its file again */
    bool direct;
    int fd;         /* of the image, read-write; of the object, read-only, when direct */
    int table_fd;   /* inherited over exec, for the programs that inherit the image */
    int user_fd;    /* of the table too, this process's own, with its locks (join.h) */
    unsigned owner; /* this process's number in the table, or 0 */
    struct ps_table *table;
    size_t table_bytes;       /* of its mapping */
    struct ps_record *record; /* counters, always valid */

    struct ps_proxy *proxy;   /* owned; object is the canonical URI, and nothing is left open */
    struct ps_handle *handle; /* the store */
    char *key;                /* owned */
    struct ps_object_info expected;
    _Atomic bool digest_due;      /* of the whole, when all has arrived (digest.h) */
    _Atomic uint32_t users;       /* calls that rely on READY blocks at this moment (use.h) */
    _Atomic uint32_t turned_away; /* 1: one waits for an eviction's end to be a user */
    _Atomic uint32_t evicting;    /* 1: an eviction wants users to become 0 */
    _Atomic uint32_t pins;        /* of some of its blocks, which are not dropped (pin.h) */
    _Atomic uint32_t pins_of_all; /* among them, those for which all of it stays */
    _Atomic uint64_t *used;   /* a bit a block: read by a call; NULL where memory has no limit */
    _Atomic uint32_t regions; /* lazy mappings of it */
    _Atomic uintptr_t region_low, region_high; /* all of them lie between; of no meaning without */

    struct ps_ahead ahead;
    struct ps_learned *learned; /* learn.h; owned, or NULL */
    struct ps_parts *parts;     /* parts.h; owned, or NULL */

    /*
     * Proxy files that named it, for the identity that fstat reports; only
     * ever added to. Chunk k, made when it is needed, has room for 8 << k.
     */
    _Atomic uint32_t names;
    struct ps_image_name *name[PS_NAME_CHUNKS];
};

extern struct ps_image *ps_images; /* PS_IMAGES_MAX of them, or NULL before the first object */

static inline uint64_t ps_image_size(const struct ps_image *image)
{
    return image->proxy->size;
}

static inline uint32_t ps_image_index(const struct ps_image *image)
{
    return (uint32_t)(image - ps_images);
}

/* ps_image_get: a reference, if the image is live; false if it is not. Safe in a signal handler. */
bool ps_image_get(struct ps_image *image);
/* ps_image_again: one more, for who has one, even while a release is tried. Safe in a handler. */
void ps_image_again(struct ps_image *image);
void ps_image_put(struct ps_image *image);

/*
 * ps_image_find: the live image with that identity, with a reference, or NULL
 *
 * hint: the index to look at first. Safe in a signal handler.
 */
struct ps_image *ps_image_find(uint64_t device, uint64_t inode, uint32_t hint);

/*
 * ps_image_name: remember a proxy file's identity; returns its index
 *
 * path is copied, and may be NULL; one that was not known is remembered, too.
 * One thread at a time. 0, the first one's, when no more can be remembered.
 */
uint32_t ps_image_name(struct ps_image *image, const struct stat *st, const char *path);

/* ps_image_name_at: an identity by its index, or NULL. Safe in a signal handler. */
const struct ps_image_name *ps_image_name_at(const struct ps_image *image, uint32_t index);

/* ps_image_make: create the memfd and the table for image->proxy. Not in a handler. */
int ps_image_make(struct ps_image *image, struct ps_error *err);

/*
 * ps_image_attach: the table of an image that this process inherited
 *
 * path is that of the descriptor in /proc, link its text. Fills fd, table, proxy text (into
 * *proxy). Looks among the own descriptors, those of the ancestors, then of any process.
 */
int ps_image_attach(struct ps_image *image, const char *path, const char *link,
                    struct ps_proxy *proxy, struct ps_error *err);

/* ps_image_is_ours: is this what /proc/self/fd/N of an image looks like? */
bool ps_image_is_ours(const char *link);

/* ps_image_limit: what the limit of memory means for a new image, before it is live */
void ps_image_limit(struct ps_image *image);

/* ps_image_drop: release the memory and the descriptors; the slot's state is the caller's to set */
void ps_image_drop(struct ps_image *image);

/*
 * ps_image_open: a new read-only descriptor of the image, at offset 0, or a negative errno
 *
 * worker: a thread that has image->fd, which the caller may not have (ps_fd_path_of).
 */
int ps_image_open(const struct ps_image *image, int worker, int flags);

/* ps_image_sparse_memfd: does one page written to a memfd make just one page present? (a probe) */
bool ps_image_sparse_memfd(void);

#endif

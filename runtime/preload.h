/*
 * preload.h: the one door between the shim and the runtime
 *
 * The shim knows what libc's calls mean; this says what a descriptor is, makes
 * ranges of images ready for a call, and maps images. All results that are
 * errors are negative errnos. What libps could not do has been reported
 * (report.h); what the kernel would refuse as well, has not.
 */
#ifndef PS_PRELOAD_H
#define PS_PRELOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "engine/fault_action.h"
#include "fork.h"
#include "hint.h"
#include "image.h"
#include "look.h"
#include "map.h"
#include "region.h"
#include "release.h"

/* Which image a descriptor shows, by which proxy file it was opened, and how it will be read. */
struct ps_view {
    struct ps_image *image; /* with a reference where a function gives a view out */
    uint32_t name;          /* index into image->name */
    enum ps_advice advice;
};

enum ps_swap { PS_SWAP_NO, PS_SWAP_IMAGE };

/*
 * ps_preload_swap: if fd is an open proxy file, put its object in its place
 *
 * fd: just opened with these flags; st: its fstat, regular, PS_PROXY_FILE_SIZE
 * bytes. call and path: for a report. PS_SWAP_NO: not a proxy, nothing done.
 * PS_SWAP_IMAGE: fd is now a descriptor of the image (or of the object, when
 * direct), and *view says so, with a reference. -EROFS, without a report, for
 * a descriptor opened for writing. Other errors: fd is as it was.
 */
int ps_preload_swap(struct ps_view *view, int fd, const struct stat *st, int flags,
                    const char *call, const char *path);

/* What a program means to do with a path: ask about it, read it (GUESS: it may mean no URI, or one
 * that it knows itself), change it. */
enum ps_uri_use { PS_URI_ASK, PS_URI_GUESS, PS_URI_READ, PS_URI_WRITE };

/*
 * ps_preload_uri: the proxy file of a URI that is used as a path
 *
 * path, of PATH_MAX bytes, is the URI, and becomes the path of a proxy file
 * which says what the store has now. 0, or a negative errno, without a report:
 * -ENOENT, also for what is not allowed, unless it is to be READ; for WRITE
 * -EROFS where there is such an object, and else -ENOENT. Others are reported.
 */
int ps_preload_uri(char *path, enum ps_uri_use use, const char *call);

/* ps_preload_errno: the negative errno for what libps could not do: never ENOENT */
int ps_preload_errno(const struct ps_error *err);

/* ps_preload_size: the size of the object if the open file fd is a proxy; false: it is none */
bool ps_preload_size(int fd, uint64_t *size);

/* ps_preload_size_at: the same of a file by its path; flags: O_NOFOLLOW or 0 */
bool ps_preload_size_at(int dir, const char *path, int flags, uint64_t *size);

/*
 * ps_preload_attach: the view of an unlinked regular file that this process did not open itself
 *
 * 0: *view is set, with a reference. 1: no image. Negative: an image whose
 * holes must not be read.
 */
int ps_preload_attach(struct ps_view *view, int fd);

/*
 * ps_preload_is_image: is fd, an unlinked regular file, an image, of this process or another?
 *
 * Also true where that can't be told, and it has what images have.
 */
bool ps_preload_is_image(int fd);

/*
 * ps_preload_begin: make [offset, offset+size) of a view ready for one call
 *
 * 0: it is, and stays so until ps_preload_end; -EIO, or -ESTALE where the object was changed. call
 * and fd: for a report.
 */
int ps_preload_begin(const struct ps_view *view, uint64_t offset, uint64_t size, const char *call,
                     int fd);
void ps_preload_end(struct ps_image *image);

/* ps_preload_all: the whole object, for readers that can't be watched; as ps_preload_begin */
int ps_preload_all(struct ps_image *image, const char *call, int fd);

/*
 * ps_preload_unseen: the whole object, for a program without libps that will read it
 *
 * As ps_preload_all. From then on nobody evicts blocks of the image.
 */
int ps_preload_unseen(struct ps_image *image, const char *call, int fd);

/* ps_preload_lend: start the worker that a vforked child, in this memory, may need */
void ps_preload_lend(void);

/* ps_preload_hold: is there a worker? true: it stays until ps_preload_unhold */
bool ps_preload_hold(void);
void ps_preload_unhold(void);

/*
 * ps_preload_pin: make memory that a system call will touch ready; 0 or -EIO
 *
 * It stays so until ps_map_unpin of pins, to which it is added, also after
 * -EIO. ps_preload_buffer: the same, where it need not stay.
 */
int ps_preload_pin_slow(struct ps_pins *pins, const void *buffer, size_t size, const char *call);

static inline int ps_preload_pin(struct ps_pins *pins, const void *buffer, size_t size,
                                 const char *call)
{
    return ps_region_near((uintptr_t)buffer, size) ? ps_preload_pin_slow(pins, buffer, size, call)
                                                   : 0;
}

static inline int ps_preload_buffer(const void *buffer, size_t size, const char *call)
{
    return ps_preload_pin(NULL, buffer, size, call);
}

/* ps_preload_mmap: the program's mmap of an image; an address or a negative errno, as the kernel */
void *ps_preload_mmap(const struct ps_view *view, void *address, size_t length, int prot, int flags,
                      uint64_t offset);

/*
 * ps_preload_filtered: the program has set a filter of system calls
 *
 * Its threads may be killed for making one that it does not make itself.
 */
extern _Atomic bool ps_preload_filtered;

/* ps_preload_stderr: the program put another file in the place of its standard error */
void ps_preload_stderr(void);

/* ps_preload_off: libps is not to do anything in this process (PS_DISABLE, AT_SECURE) */
bool ps_preload_off(void);

#endif

/*
 * view.h: what each of the program's descriptors shows
 *
 * One word a descriptor: plain, image or direct, with the image's index. libc
 * closes and copies descriptors by ways that no hook sees, so "image" is checked
 * against the kernel before it is believed, and "unknown" is always allowed and
 * found out at the next use: both heal themselves. "plain" does not, nor does
 * "direct" for reads: whatever makes an image appear under a number (open, dup,
 * recvmsg, ...) must set it, or set unknown.
 */
#ifndef PS_VIEW_H
#define PS_VIEW_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "preload.h"

enum ps_view_kind { PS_VIEW_UNKNOWN, PS_VIEW_PLAIN, PS_VIEW_IMAGE, PS_VIEW_DIRECT };

enum { PS_VIEWS = 1 << 16 };
extern _Atomic uint32_t ps_views[PS_VIEWS];

/* ps_view_remembered: what is remembered of fd; libc may have closed it unseen since */
static inline enum ps_view_kind ps_view_remembered(int fd)
{
    return (unsigned)fd < PS_VIEWS
               ? (enum ps_view_kind)(atomic_load_explicit(&ps_views[fd], memory_order_relaxed) & 3)
               : PS_VIEW_UNKNOWN;
}

/* ps_view_is_plain: certainly no view; the quick way out of every hook */
static inline bool ps_view_is_plain(int fd)
{
    return ps_view_remembered(fd) == PS_VIEW_PLAIN;
}

/* ps_view_reads_itself: a read of it needs nothing of libps: no view, or the object's own file */
static inline bool ps_view_reads_itself(int fd)
{
    enum ps_view_kind kind = ps_view_remembered(fd);

    return kind == PS_VIEW_PLAIN || kind == PS_VIEW_DIRECT;
}

/*
 * ps_view_get: the view behind fd
 *
 * PS_VIEW_IMAGE or PS_VIEW_DIRECT: *view is set, with a reference.
 * PS_VIEW_PLAIN: none. Negative errno: an image whose holes must not be read.
 */
int ps_view_get(int fd, struct ps_view *view);

/*
 * ps_view_image: is fd an image that reads must make ready? As ps_view_get, 1 or 0.
 *
 * A proxy file that was opened before libps came becomes its object here.
 */
int ps_view_image(int fd, struct ps_view *view);

/*
 * ps_view_may_be_given: may it be a proxy file that the program was given open?
 *
 * st: its fstat. Only what is unread and read-only: who has read a part of it
 * has seen what it is, and who can write it means the proxy.
 */
bool ps_view_may_be_given(int fd, const struct stat *st);

/*
 * ps_view_may_open: may path be opened with these flags?
 *
 * 0, or -EROFS: it is /proc/self/fd/N or /dev/stdin of a view, and what it
 * shows would be written, or truncated by the open already.
 */
int ps_view_may_open(int dir, const char *path, int flags);

/*
 * ps_view_opened: fd was just opened; put the object in the place of a proxy
 *
 * 0, or a negative errno: the caller closes fd and fails. *image (may be
 * NULL): whether it is an image now.
 */
int ps_view_opened(int fd, int flags, const char *call, const char *path, bool *image);

/* ps_view_advise: how fd, if it is an image, will be read; copies that are made of it later, too */
void ps_view_advise(int fd, enum ps_advice advice);

/*
 * ps_view_proxy: the proxy file that the view fd was opened by, as a new descriptor
 *
 * -ENOENT: fd is no view, or the file is not known, or is not there any more.
 */
int ps_view_proxy(int fd);

/* ps_view_name: its identity, in *st: 1; 0: it is not known; -ENOENT: fd is no view */
int ps_view_name(int fd, struct stat *st);

/* ps_view_doubt: fd is about to be something else, if the kernel agrees; if not, ps_view_same */
struct ps_doubt {
    uint32_t before, during;
};
struct ps_doubt ps_view_doubt(int fd);
void ps_view_same(int fd, struct ps_doubt doubt);

void ps_view_forget(int fd);           /* closed, or something else */
void ps_view_copied(int from, int to); /* dup */

#endif

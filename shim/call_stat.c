/*
 * call_stat.c: what the stat family says
 *
 * By path, a proxy file keeps its identity and gets the object's size. By
 * descriptor, an image is given the identity of the proxy file that it was
 * opened by: programs compare the two. Blocks are those of a file without
 * holes: programs that see fewer copy zeros.
 *
 * These are no cancellation points, and struct stat is the kernel's own on
 * the machines that libps knows, so they are system calls.
 */
/* Before glibc 2.33 headers define these functions, by those of old programs below. */
#ifndef __NO_INLINE__
#define __NO_INLINE__ 1
#endif

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/sys.h"
#include "hook.h"
#include "stat.h"
#include "uri.h"
#include "view.h"

static void set_size(struct stat *st, uint64_t size)
{
    st->st_size = (off_t)size;
    st->st_blocks = (blkcnt_t)((size + 511) / 512);
}

/* The object's size, if the file that dir and path name is a proxy. */
static bool size_by_path(int dir, const char *path, int flags, uint64_t *size)
{
    return ps_preload_size_at(dir, path, flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0, size);
}

static bool may_be_proxy(mode_t mode, uint64_t size)
{
    return S_ISREG(mode) && size == PS_PROXY_FILE_SIZE && !ps_guard_held();
}

bool ps_stat_correct(int dir, const char *path, int flags, struct stat *st)
{
    uint64_t size;

    if (!may_be_proxy(st->st_mode, (uint64_t)st->st_size) || !size_by_path(dir, path, flags, &size))
        return false;
    set_size(st, size);
    return true;
}

/* What the program should see of an image, or of a proxy file; false: fd is none. */
static bool stat_view(int fd, struct stat *st)
{
    struct ps_view view;
    const struct ps_image_name *name;
    uint64_t size;
    int kind = ps_view_is_plain(fd) ? PS_VIEW_PLAIN : ps_view_get(fd, &view);

    if (kind == PS_VIEW_PLAIN && ps_view_may_be_given(fd, st) && ps_preload_size(fd, &size)) {
        set_size(st, size);
        return true;
    }
    if (kind <= PS_VIEW_PLAIN)
        return false;
    name = ps_image_name_at(view.image, view.name);
    if (name != NULL)
        *st = name->st;
    set_size(st, ps_image_size(view.image));
    ps_image_put(view.image);
    return true;
}

/* The kernel writes first: a bad pointer is its to refuse. Lazy memory it may not be able to touch.
 */
static int stat_fd(int fd, struct stat *st)
{
    int result;

    ps_preload_buffer(st, sizeof(*st), "stat");
    result = sys_fstat(fd, st);
    if (result == 0)
        stat_view(fd, st);
    return result;
}

static int number_of(const char *digits)
{
    int number = 0;

    while (*digits >= '0' && *digits <= '9' && number < PS_VIEWS)
        number = number * 10 + (*digits++ - '0');
    return number;
}

/* /dev/stdin and its like: a path that leads to a descriptor */
static bool stat_unlinked(int dir, const char *path, struct stat *st)
{
    static const char *const folders[] = {"/proc/self/fd/", "/dev/fd/"};
    bool found;
    int fd;

    /* by its number where the path has it: that knows the proxy file it was opened by */
    for (int i = 0; i < 2; i++)
        if (strncmp(path, folders[i], strlen(folders[i])) == 0)
            return stat_view(number_of(path + strlen(folders[i])), st);
    /* O_PATH: its close takes no lock of the program's off */
    fd = sys_openat(dir, path, O_PATH | O_CLOEXEC, 0);
    if (fd < 0)
        return false;
    ps_view_forget(fd);
    found = stat_view(fd, st);
    ps_view_forget(fd);
    sys_close(fd);
    return found;
}

static bool is_unlinked(mode_t mode, uint64_t links)
{
    return S_ISREG(mode) && links == 0 && !ps_guard_held();
}

/* A path in lazy memory that the kernel may not fetch is fetched; then the call is made again. */
static bool path_ready(const char *path)
{
    return ps_region_near((uintptr_t)path, 1) && ps_preload_buffer(path, PATH_MAX, "stat") == 0;
}

static int stat_uri(int dir, const char *path, struct stat *st)
{
    char proxy[PATH_MAX];
    int result = ps_uri_path(proxy, dir, path, PS_URI_ASK, "stat");

    if (result == 0)
        result = sys_fstatat(AT_FDCWD, proxy, st, 0);
    if (result == 0)
        ps_stat_correct(AT_FDCWD, proxy, 0, st);
    return result;
}

static int stat_at(int dir, const char *path, struct stat *st, int flags)
{
    int result;

    ps_preload_buffer(st, sizeof(*st), "stat");
    result = sys_fstatat(dir, path, st, flags);
    if (result == -EFAULT && path_ready(path))
        result = sys_fstatat(dir, path, st, flags);
    if (result == -ENOENT && ps_uri_may_be(path))
        return stat_uri(dir, path, st);
    if (result < 0)
        return result;
    /* Linux 6.11 and later take no path for an empty one */
    if (path == NULL || ((flags & AT_EMPTY_PATH) && path[0] == '\0')) {
        if (dir >= 0)
            stat_view(dir, st);
    } else if (!ps_stat_correct(dir, path, flags, st) && is_unlinked(st->st_mode, st->st_nlink)) {
        stat_unlinked(dir, path, st);
    }
    return 0;
}

HOOK(int, stat, (const char *path, struct stat *st))
{
    return (int)ps_result(stat_at(AT_FDCWD, path, st, 0));
}
ALIAS(int, stat64, stat, (const char *, struct stat *));

HOOK(int, lstat, (const char *path, struct stat *st))
{
    return (int)ps_result(stat_at(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW));
}
ALIAS(int, lstat64, lstat, (const char *, struct stat *));

HOOK(int, fstat, (int fd, struct stat *st))
{
    return (int)ps_result(stat_fd(fd, st));
}
ALIAS(int, fstat64, fstat, (int, struct stat *));

HOOK(int, fstatat, (int dir, const char *path, struct stat *st, int flags))
{
    return (int)ps_result(stat_at(dir, path, st, flags));
}
ALIAS(int, fstatat64, fstatat, (int, const char *, struct stat *, int));

/* What programs built before glibc 2.33 call; the version says which struct, and there is one. */
HOOK(int, __xstat, (int version, const char *path, struct stat *st))
{
    (void)version;
    return ps_hook_stat(path, st);
}
ALIAS(int, __xstat64, __xstat, (int, const char *, struct stat *));

HOOK(int, __lxstat, (int version, const char *path, struct stat *st))
{
    (void)version;
    return ps_hook_lstat(path, st);
}
ALIAS(int, __lxstat64, __lxstat, (int, const char *, struct stat *));

HOOK(int, __fxstat, (int version, int fd, struct stat *st))
{
    (void)version;
    return ps_hook_fstat(fd, st);
}
ALIAS(int, __fxstat64, __fxstat, (int, int, struct stat *));

HOOK(int, __fxstatat, (int version, int dir, const char *path, struct stat *st, int flags))
{
    (void)version;
    return ps_hook_fstatat(dir, path, st, flags);
}
ALIAS(int, __fxstatat64, __fxstatat, (int, int, const char *, struct stat *, int));

/* --- statx ---------------------------------------------------------------------------- */

static struct statx_timestamp time_of(const struct timespec *time)
{
    return (struct statx_timestamp){.tv_sec = time->tv_sec, .tv_nsec = (uint32_t)time->tv_nsec};
}

static void from_stat(struct statx *out, const struct stat *st)
{
    out->stx_blksize = (uint32_t)st->st_blksize;
    out->stx_nlink = (uint32_t)st->st_nlink;
    out->stx_uid = st->st_uid;
    out->stx_gid = st->st_gid;
    out->stx_mode = (uint16_t)st->st_mode;
    out->stx_ino = st->st_ino;
    out->stx_size = (uint64_t)st->st_size;
    out->stx_blocks = (uint64_t)st->st_blocks;
    out->stx_atime = time_of(&st->st_atim);
    out->stx_mtime = time_of(&st->st_mtim);
    out->stx_ctime = time_of(&st->st_ctim);
    out->stx_dev_major = major(st->st_dev);
    out->stx_dev_minor = minor(st->st_dev);
}

extern int ps_hook_statx(int, const char *, int, unsigned, struct statx *) __asm__("statx");

static int statx_uri(int dir, const char *path, int flags, unsigned mask, struct statx *out)
{
    char proxy[PATH_MAX];
    int result = ps_uri_path(proxy, dir, path, PS_URI_ASK, "statx");

    return result < 0 ? (int)ps_result(result) : ps_hook_statx(AT_FDCWD, proxy, flags, mask, out);
}

HOOK(int, statx, (int dir, const char *path, int flags, unsigned mask, struct statx *out))
{
    struct stat st;
    uint64_t size;
    long result;

    ps_preload_buffer(out, sizeof(*out), "statx");
    result = sys_call6(SYS_statx, dir, (long)path, flags, mask, (long)out, 0);
    if (result == -EFAULT && path_ready(path))
        result = sys_call6(SYS_statx, dir, (long)path, flags, mask, (long)out, 0);
    if (result == -ENOENT && ps_uri_may_be(path))
        return statx_uri(dir, path, flags, mask, out);
    if (result < 0)
        return (int)ps_result(result);
    if (path == NULL || (path[0] == '\0' && (flags & AT_EMPTY_PATH))) {
        if (dir >= 0 && !ps_view_is_plain(dir) && sys_fstat(dir, &st) == 0 && stat_view(dir, &st))
            from_stat(out, &st);
    } else if (may_be_proxy(out->stx_mode, out->stx_size)) {
        if (size_by_path(dir, path, flags, &size)) {
            out->stx_size = size;
            out->stx_blocks = (size + 511) / 512;
        }
    } else if (is_unlinked(out->stx_mode, out->stx_nlink) && sys_fstatat(dir, path, &st, 0) == 0 &&
               stat_unlinked(dir, path, &st)) {
        from_stat(out, &st);
    }
    return 0;
}

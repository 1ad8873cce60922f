/* call_open.c: open and its variants: where a proxy file becomes its object */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>

#include "base/sys.h"
#include "hook.h"
#include "peek.h"
#include "real.h"
#include "stat.h"
#include "uri.h"
#include "view.h"

/* The mode is there only with these flags; O_TMPFILE has O_DIRECTORY's bit in it. */
static bool has_mode(int flags)
{
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

#define MODE(mode, flags)                                                                          \
    do {                                                                                           \
        va_list arguments_;                                                                        \
        va_start(arguments_, flags);                                                               \
        (mode) = has_mode(flags) ? va_arg(arguments_, mode_t) : 0;                                 \
        va_end(arguments_);                                                                        \
    } while (0)

static int opened(int fd, int flags, const char *call, const char *path)
{
    int saved = errno, result;

    if (fd < 0)
        return fd;
    result = ps_view_opened(fd, flags, call, path, NULL);
    if (result < 0) {
        sys_close(fd);
        ps_view_forget(fd);
        errno = -result;
        return -1;
    }
    errno = saved;
    return fd;
}

static enum ps_uri_use use_of(int flags)
{
    bool makes = (flags & O_CREAT) && (flags & O_EXCL);

    if (flags & O_PATH)
        return PS_URI_ASK;
    return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) || makes ? PS_URI_WRITE
                                                                         : PS_URI_READ;
}

static int open_uri(int dir, const char *path, int flags)
{
    char proxy[PATH_MAX];
    int result = ps_uri_path(proxy, dir, path, use_of(flags), "open");

    if (result < 0)
        return (int)ps_result(result);
    return opened(REAL(openat)(AT_FDCWD, proxy, flags & ~O_CREAT, 0), flags, "open", path);
}

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
    int fd, saved = errno, allowed = ps_view_may_open(dir, path, flags);

    if (allowed < 0)
        return (int)ps_result(allowed);
    fd = REAL(openat)(dir, path, flags, mode);
    /* a path in lazy memory that the kernel may not fetch: fetch it, and again */
    if (fd < 0 && errno == EFAULT && ps_region_near((uintptr_t)path, 1) &&
        ps_preload_buffer(path, PATH_MAX, "open") == 0)
        fd = REAL(openat)(dir, path, flags, mode);
    if (fd < 0 && errno == ENOENT && ps_uri_may_be(path)) {
        errno = saved;
        return open_uri(dir, path, flags);
    }
    return opened(fd, flags, "open", path);
}

HOOK(int, open, (const char *path, int flags, ...))
{
    mode_t mode;

    MODE(mode, flags);
    return open_at(AT_FDCWD, path, flags, mode);
}
ALIAS(int, open64, open, (const char *, int, ...));
ALIAS(int, __open, open, (const char *, int, ...));
ALIAS(int, __open64, open, (const char *, int, ...));

HOOK(int, openat, (int dir, const char *path, int flags, ...))
{
    mode_t mode;

    MODE(mode, flags);
    return open_at(dir, path, flags, mode);
}
ALIAS(int, openat64, openat, (int, const char *, int, ...));

/* what fortified programs call when they give no mode */
HOOK(int, __open_2, (const char *path, int flags))
{
    return open_at(AT_FDCWD, path, flags, 0);
}
ALIAS(int, __open64_2, __open_2, (const char *, int));

HOOK(int, __openat_2, (int dir, const char *path, int flags))
{
    return open_at(dir, path, flags, 0);
}
ALIAS(int, __openat64_2, __openat_2, (int, const char *, int));

HOOK(int, creat, (const char *path, mode_t mode))
{
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
ALIAS(int, creat64, creat, (const char *, mode_t));

/* glibc has a function for this call since 2.43 only */
HOOK(int, openat2, (int dir, const char *path, const uint64_t *how, size_t size))
{
    uint64_t flags;
    int result = 0;

    if (ps_images != NULL && ps_peek(&flags, how, sizeof(flags)) == 0)
        result = ps_view_may_open(dir, path, (int)flags);
    if (result == 0)
        result = (int)sys_call6(SYS_openat2, dir, (long)path, (long)how, (long)size, 0, 0);
    if (result == -ENOENT && ps_uri_may_be(path) && ps_peek(&flags, how, sizeof(flags)) == 0)
        return open_uri(dir, path, (int)flags);
    result = (int)ps_result(result);
    return opened(result, result >= 0 ? (int)how[0] : 0, "openat2", path);
}

/* As O_TRUNC it may empty a proxy file. What another length would leave is neither file nor object.
 */
HOOK(int, truncate, (const char *path, off_t length))
{
    struct stat st;

    if (length > 0 && sys_fstatat(AT_FDCWD, path, &st, 0) == 0 &&
        ps_stat_correct(AT_FDCWD, path, 0, &st))
        return (int)ps_result(-EROFS);
    return (int)ps_result(sys_call3(SYS_truncate, (long)path, length, 0));
}
ALIAS(int, truncate64, truncate, (const char *, off_t));

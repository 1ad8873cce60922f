/* call_stdio.c: opening and closing streams; their reads are in stdio_slots.c */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"
#include "hook.h"
#include "real.h"
#include "stdio_slots.h"
#include "uri.h"
#include "view.h"

enum { MODE = 256 };

/*
 * Mode letter 'm' makes glibc map the file by a call of its own, which nobody
 * sees. It only asks for speed: leave it out. What follows a comma (",ccs=")
 * is a name, not letters.
 */
static const char *without_m(char *out, const char *mode)
{
    size_t used = 0;
    bool letters = true;

    if (strlen(mode) >= MODE)
        return mode;
    for (const char *c = mode; *c != '\0'; c++) {
        letters = letters && *c != ',';
        if (!letters || *c != 'm')
            out[used++] = *c;
    }
    out[used] = '\0';
    return out;
}

static int flags_of(const char *mode)
{
    int flags = mode[0] == 'r' ? O_RDONLY : O_WRONLY;

    for (const char *c = mode; *c != '\0' && *c != ','; c++)
        if (*c == '+')
            flags = (flags & ~O_ACCMODE) | O_RDWR;
        else if (*c == 'e')
            flags |= O_CLOEXEC;
    return flags;
}

/* The streams that slots can't serve get an object that is here already. */
static int without_slots(int fd, const char *call)
{
    struct ps_view view;
    int image = ps_view_image(fd, &view), result = 0;

    if (image <= 0)
        return image;
    if (!ps_stdio_patched())
        result = ps_preload_all(view.image, call, fd);
    ps_image_put(view.image);
    return result;
}

/* What freopen leaves where it fails: a stream that is closed, and the program's to free. */
static void *close_reopened(FILE *stream, int error)
{
    REAL(freopen64)("", "r", stream);
    errno = error;
    return NULL;
}

static void *opened(FILE *stream, const char *path, const char *mode, const char *call)
{
    int saved = errno, result;
    bool image;

    if (stream == NULL)
        return NULL;
    result = ps_view_opened(fileno(stream), flags_of(mode), call, path, &image);
    if (result == 0 && image)
        result = without_slots(fileno(stream), call);
    if (result < 0) {
        ps_view_forget(fileno(stream));
        REAL(fclose)(stream);
        errno = -result;
        return NULL;
    }
    errno = saved;
    return stream;
}

static int find_uri(char *proxy, const char *path, const char *mode, const char *call)
{
    bool reads = (flags_of(mode) & O_ACCMODE) == O_RDONLY;

    return ps_uri_path(proxy, AT_FDCWD, path, reads ? PS_URI_READ : PS_URI_WRITE, call);
}

static void *fopen_uri(const char *path, const char *mode)
{
    char proxy[PATH_MAX];
    int result = find_uri(proxy, path, mode, "fopen");

    if (result == 0)
        return REAL(fopen64)(proxy, mode);
    errno = -result;
    return NULL;
}

HOOK(void *, fopen64, (const char *path, const char *mode))
{
    char letters[MODE];
    int saved = errno,
        allowed = mode == NULL ? 0 : ps_view_may_open(AT_FDCWD, path, flags_of(mode));
    const char *plain = mode == NULL || strchr(mode, 'm') == NULL ? mode : without_m(letters, mode);
    void *stream;

    if (allowed < 0) {
        errno = -allowed;
        return NULL;
    }
    stream = REAL(fopen64)(path, plain);
    if (stream == NULL && errno == ENOENT && ps_uri_may_be(path))
        stream = fopen_uri(path, plain);
    if (stream != NULL)
        errno = saved;
    return opened(stream, path, mode, "fopen");
}
ALIAS(void *, fopen, fopen64, (const char *, const char *));
ALIAS(void *, _IO_fopen, fopen64, (const char *, const char *));

/* Its descriptor or -1, as streams in memory have none; errno stays. */
static int number_of(FILE *stream)
{
    int saved = errno, fd = fileno(stream);

    errno = saved;
    return fd;
}

/* May the stream's file be opened again in this mode? 0 or a negative errno */
static int may_reopen(int fd, const char *path, int flags)
{
    struct ps_view view;

    if (path != NULL)
        return ps_view_may_open(AT_FDCWD, path, flags);
    if ((flags & O_ACCMODE) == O_RDONLY || fd < 0 || ps_view_get(fd, &view) <= PS_VIEW_PLAIN)
        return 0;
    ps_image_put(view.image);
    return -EROFS;
}

/* A stream is gone once it can't be opened again, so this is asked before. 0 or a negative errno */
static int find_reopened(char *proxy, const char **path, const char *mode)
{
    int result;

    if (*path == NULL || !ps_uri_may_be(*path) ||
        sys_call3(SYS_faccessat, AT_FDCWD, *path, F_OK) != -ENOENT)
        return 0;
    result = find_uri(proxy, *path, mode, "freopen");
    if (result == 0)
        *path = proxy;
    return result == -ENOENT ? 0 : result; /* that is libc's to say */
}

HOOK(void *, freopen64, (const char *path, const char *mode, void *stream))
{
    char letters[MODE], proxy[PATH_MAX];
    int before = number_of(stream), allowed = may_reopen(before, path, flags_of(mode));
    void *again;

    if (allowed == 0)
        allowed = find_reopened(proxy, &path, mode);
    if (allowed < 0) {
        if (before >= 0)
            ps_view_forget(before);
        return close_reopened(stream, -allowed);
    }
    again = REAL(freopen64)(path, without_m(letters, mode), stream);
    /* without a path it is the same file in another mode, under the same number */
    if (again != NULL && path == NULL)
        return again;
    if (before >= 0)
        ps_view_forget(before);
    if (again != NULL && before == 2)
        ps_preload_stderr();
    return again == NULL ? NULL : opened(again, path, mode, "freopen");
}
ALIAS(void *, freopen, freopen64, (const char *, const char *, void *));

HOOK(void *, fdopen, (int fd, const char *mode))
{
    char letters[MODE];
    int saved = errno, result = without_slots(fd, "fdopen");

    if (result < 0) {
        errno = -result;
        return NULL;
    }
    errno = saved;
    return REAL(fdopen)(fd, without_m(letters, mode));
}
ALIAS(void *, _IO_fdopen, fdopen, (int, const char *));

HOOK(int, fclose, (void *stream))
{
    int fd = number_of(stream), result = REAL(fclose)(stream);

    if (fd >= 0)
        ps_view_forget(fd);
    return result;
}
ALIAS(int, _IO_fclose, fclose, (void *));

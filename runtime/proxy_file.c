/*
 * proxy_file.c: proxy files in the file system
 *
 * Only system calls of base/sys.h: the shim exports libc's open and read, and
 * uses these functions to answer them.
 */
#include "proxy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "base/text.h"
#include "proxy_parse.h"

/* A path in a message is cut, so that the cause behind it is seen. */
#define PATH "%.120s"

/* Up to size bytes from the start of the file. Returns their number, or a negative errno. */
static ssize_t read_start(int fd, char *buffer, size_t size)
{
    size_t used = 0;

    while (used < size) {
        ssize_t n = sys_pread(fd, buffer + used, size - used, used);

        if (n == -EINTR)
            continue;
        if (n < 0)
            return n;
        if (n == 0)
            break;
        used += (size_t)n;
    }
    return (ssize_t)used;
}

int ps_proxy_probe_fd(int fd, struct ps_proxy *out, struct ps_error *err)
{
    char text[PS_PROXY_FILE_SIZE];
    struct ps_error cause = {0};
    ssize_t size = read_start(fd, text, sizeof(text));

    if (size < 0)
        return ps_error_set(err, PS_E_SYSTEM, (int)-size, "cannot look whether it is a proxy");
    if (!ps_proxy_has_magic(text, (size_t)size))
        return 0;
    /* ps_proxy_parse clears what it is given, and this caller's first error is to win */
    if (ps_proxy_parse(out, text, (size_t)size, &cause) < 0)
        return ps_error_set(err, cause.code, 0, "%s", cause.message);
    return 1;
}

static int fail_path(struct ps_error *err, long result, const char *path)
{
    int code = result == -ENOENT || result == -ENOTDIR ? PS_E_NOT_FOUND : PS_E_SYSTEM;

    return ps_error_set(err, code, (int)-result, PATH, path);
}

int ps_proxy_folder(char *folder, char *path, const char *fd_path, struct ps_error *err)
{
    ssize_t length = sys_readlinkat(AT_FDCWD, fd_path, path, PATH_MAX - 1);
    char *slash;

    if (length < 0)
        return ps_error_set(err, PS_E_SYSTEM, (int)-length, "libps needs /proc");
    path[length] = '\0';
    memcpy(folder, path, (size_t)length + 1);
    slash = strrchr(folder, '/');
    if (folder[0] != '/' || slash == NULL)
        return ps_error_set(err, PS_E_INVALID, 0, "a proxy file without a folder");
    slash[slash == folder ? 1 : 0] = '\0';
    return 0;
}

static int read_proxy(struct ps_proxy *out, struct stat *st, int fd, const char *path,
                      struct ps_error *err)
{
    char text[PS_PROXY_FILE_SIZE + 1]; /* one more, to notice a longer file */
    struct ps_error cause = {0};
    ssize_t size = sys_fstat(fd, st);

    if (size < 0)
        return fail_path(err, size, path);
    if (!S_ISREG(st->st_mode))
        return ps_error_set(err, PS_E_INVALID, 0, PATH ": not a regular file", path);
    size = read_start(fd, text, sizeof(text));
    if (size < 0)
        return fail_path(err, size, path);
    if (!ps_proxy_has_magic(text, (size_t)size))
        return ps_error_set(err, PS_E_INVALID, 0, PATH ": not a proxy file", path);
    if (ps_proxy_parse(out, text, (size_t)size, &cause) < 0)
        return ps_error_set(err, cause.code, 0, PATH ": %s", path, cause.message);
    return 0;
}

int ps_proxy_read_file(struct ps_proxy *out, struct ps_proxy_file *file, const char *path,
                       struct ps_error *err)
{
    char fd_path[PS_FD_PATH], full_path[PATH_MAX];
    struct stat st;
    int fd, status;

    /* O_NONBLOCK: a FIFO of that name must not make us wait */
    fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
    if (fd < 0)
        return fail_path(err, fd, path);
    status = read_proxy(out, &st, fd, path, err);
    if (status == 0 && file != NULL) {
        file->st = st;
        status =
            ps_proxy_folder(file->folder, full_path, ps_fd_path_of(fd_path, sys_gettid(), fd), err);
    }
    sys_close(fd);
    return status;
}

PS_API int ps_proxy_read(struct ps_proxy *out, const char *path, struct ps_error *err)
{
    ps_error_clear(err);
    return ps_proxy_read_file(out, NULL, path, err);
}

/* Opens a new file in the folder of path; its name goes to temp, of size bytes. */
static int open_temp(char *temp, size_t size, const char *path)
{
    const char *slash = strrchr(path, '/');
    int folder = slash == NULL ? 0 : (int)(slash - path) + 1;
    int fd = -EEXIST;

    for (int tries = 0; tries < 100 && fd == -EEXIST; tries++) {
        uint64_t random = (uint64_t)sys_getpid() << 32 | (unsigned)tries;

        sys_getrandom(&random, sizeof(random)); /* where it fails, the process id serves */
        if ((size_t)snprintf(temp, size, "%.*s.ps-%016llx", folder, path,
                             (unsigned long long)random) >= size)
            return -ENAMETOOLONG;
        fd = sys_openat(AT_FDCWD, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    return fd;
}

static long write_all(int fd, const char *text, size_t size)
{
    size_t used = 0;

    while (used < size) {
        ssize_t n = sys_pwrite(fd, text + used, size - used, used);

        if (n < 0 && n != -EINTR)
            return n;
        used += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

PS_API int ps_proxy_write(const struct ps_proxy *proxy, const char *path, struct ps_error *err)
{
    char text[PS_PROXY_FILE_SIZE];
    char temp[PATH_MAX];
    long result;
    int fd, status = ps_proxy_format_file(proxy, text, err);

    if (status != 0)
        return status;
    fd = open_temp(temp, sizeof(temp), path);
    if (fd < 0)
        return fail_path(err, fd, path);
    result = write_all(fd, text, sizeof(text));
    if (sys_close(fd) < 0 && result == 0)
        result = -EIO; /* a network file system may tell only now that it has no room */
    if (result == 0)   /* renameat2, as aarch64 has no rename */
        result = sys_call6(SYS_renameat2, AT_FDCWD, (long)temp, AT_FDCWD, (long)path, 0, 0);
    if (result < 0) {
        sys_unlinkat(AT_FDCWD, temp, 0);
        return fail_path(err, result, path);
    }
    return 0;
}

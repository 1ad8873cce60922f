/* raw.c: files as the kernel has them, past the wrappers that psctl gets with libps */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "psctl.h"

/*
 * libps wraps syscall() too, for programs that make their calls by it; the
 * function that libc itself has under this name is still the plain one.
 */
long raw_call(long number, long a, long b, long c, long d, long e, long f)
{
    static long (*plain)(long number, ...);
    long result;

    if (plain == NULL) {
        void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);

        if (libc != NULL)
            *(void **)&plain = dlsym(libc, "syscall");
        if (plain == NULL)
            plain = syscall;
    }
    result = plain(number, a, b, c, d, e, f);
    return result < 0 ? -errno : result;
}

static long kernel(long number, long a, long b, long c, long d)
{
    return raw_call(number, a, b, c, d, 0, 0);
}

int raw_open(const char *path, int flags, int mode)
{
    return (int)kernel(SYS_openat, AT_FDCWD, (long)path, flags | O_CLOEXEC, mode);
}

int raw_stat(const char *path, struct stat *status)
{
    return (int)kernel(SYS_newfstatat, AT_FDCWD, (long)path, (long)status, 0);
}

ssize_t raw_pread(int fd, void *buffer, size_t size, uint64_t offset)
{
    size_t done = 0;

    while (done < size) {
        long n = kernel(SYS_pread64, fd, (long)buffer + (long)done, (long)(size - done),
                        (long)(offset + done));

        if (n == -EINTR)
            continue;
        if (n < 0)
            return n;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int is_proxy_file(const char *path)
{
    char head[PS_PROXY_MAGIC_SIZE];
    struct stat status;
    ssize_t n;
    int fd;

    if (raw_stat(path, &status) < 0 || !S_ISREG(status.st_mode) ||
        status.st_size != PS_PROXY_FILE_SIZE)
        return 0;
    fd = raw_open(path, O_RDONLY, 0);
    if (fd < 0)
        return 0;
    n = raw_pread(fd, head, sizeof(head), 0);
    close(fd);
    /* the word alone: a proxy of a later format is a proxy too */
    return n == (ssize_t)sizeof(head) && memcmp(head, PS_PROXY_MAGIC, 4) == 0;
}

int is_writable_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];

    if (slash == NULL)
        return access(".", W_OK | X_OK) == 0;
    if (slash == path)
        return access("/", W_OK | X_OK) == 0;
    if ((size_t)(slash - path) >= sizeof(folder)) {
        errno = ENAMETOOLONG;
        return 0;
    }
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = '\0';
    return access(folder, W_OK | X_OK) == 0;
}

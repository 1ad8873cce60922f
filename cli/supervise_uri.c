/*
 * supervise_uri.c: URIs as paths of a supervised program
 *
 * The kernel knows no such file, and libps does, in this process: it is asked,
 * by its own calls, and answers as it does a program that it is preloaded into.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "psctl.h"
#include "supervise.h"

/* Is dir the folder in which the caller is? */
static bool is_here(const struct call *call, int dir)
{
    char link[64];
    struct stat folder, here;
    int fd = caller_fd(call, dir);
    bool is;

    if (fd < 0)
        return false;
    snprintf(link, sizeof(link), "/proc/%d/cwd", call->thread);
    is = raw_call(SYS_fstat, fd, (long)&folder, 0, 0, 0, 0) == 0 && raw_stat(link, &here) == 0 &&
         folder.st_ino == here.st_ino && folder.st_dev == here.st_dev;
    raw_close(fd);
    return is;
}

/* The rest of a path that a program put behind its own folder, or all of it */
static const char *cut_folder(const struct call *call, const char *path)
{
    char link[64], folder[PATH_MAX];
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/%d/cwd", call->thread);
    n = readlink(link, folder, sizeof(folder));
    if (n == 1) /* "/" */
        n = 0;
    if (n >= 0 && strncmp(path, folder, (size_t)n) == 0 && path[n] == '/')
        path += n + 1;
    return path;
}

const char *uri_of(const struct call *call, int dir, const char *path)
{
    struct stat status;

    if (strstr(path, ":/") == NULL || (path[0] != '/' && dir != AT_FDCWD && !is_here(call, dir)))
        return NULL;
    path = cut_folder(call, path);
    /* our folder may be another, and have a file of that name */
    return raw_stat(path, &status) == -ENOENT ? path : NULL;
}

/*
 * A URI of which the kernel says that there is none, or NULL: then it is the
 * kernel's to answer, also where the caller may not be looked into.
 */
static const char *missing_uri(const struct call *call, int dir, uint64_t path, bool follows,
                               uint64_t resolve, char *text)
{
    int fd;

    if (caller_text(call, text, path) < 0 || strstr(text, ":/") == NULL)
        return NULL;
    fd = caller_path(call, dir, text, follows, resolve);
    if (fd >= 0)
        raw_close(fd);
    return fd == -ENOENT ? uri_of(call, dir, text) : NULL;
}

/* Such an open of an object fails: libps says how. */
void refuse_uri(const struct call *call, int dir, uint64_t path, uint64_t flags, uint64_t resolve)
{
    enum { KEPT = O_ACCMODE | O_DIRECTORY | O_NOFOLLOW };
    char text[PATH_MAX];
    const char *uri = missing_uri(call, dir, path, !(flags & O_NOFOLLOW), resolve, text);
    int fd = -1;

    if (uri != NULL)
        fd = open(uri, (flags & O_CREAT ? O_WRONLY : (int)(flags & KEPT)) | O_CLOEXEC);
    if (uri == NULL || fd >= 0)
        go_on(call);
    else
        answer(call, -errno);
    if (fd >= 0)
        close(fd);
}

static void access_path(const struct call *call, int dir, uint64_t path, int mode, int flags)
{
    char text[PATH_MAX];
    const char *uri = missing_uri(call, dir, path, !(flags & AT_SYMLINK_NOFOLLOW), 0, text);

    if (uri == NULL)
        go_on(call);
    else
        answer(call, faccessat(AT_FDCWD, uri, mode, flags) == 0 ? 0 : -errno);
}

void answer_access(struct call *call)
{
    access_path(call, AT_FDCWD, call->args[0], (int)call->args[1], 0);
}

void answer_faccessat(struct call *call)
{
    access_path(call, (int)call->args[0], call->args[1], (int)call->args[2], 0);
}

void answer_faccessat2(struct call *call)
{
    access_path(call, (int)call->args[0], call->args[1], (int)call->args[2], (int)call->args[3]);
}

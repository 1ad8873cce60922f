/* supervise_path.c: what a caller's path names, for those calls that have one */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "psctl.h"
#include "supervise.h"

void name_it(struct named *named)
{
    char link[64];
    struct stat status;
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", named->fd);
    n = readlink(link, named->path, sizeof(named->path) - 1);
    named->path[n > 0 ? n : 0] = '\0';
    if (raw_stat(named->path, &status) < 0 || status.st_ino != named->status.st_ino ||
        status.st_dev != named->status.st_dev)
        strcpy(named->path, link);
}

bool find_named(struct named *named, const struct call *call, int dir, const char *path,
                bool follows, uint64_t resolve)
{
    const char *uri;

    named->fd = caller_path(call, dir, path, follows, resolve);
    named->is_uri = false;
    if (named->fd == -ENOENT && (uri = uri_of(call, dir, path)) != NULL) {
        named->is_uri = true;
        named->fd = open(uri, O_PATH | O_CLOEXEC); /* libps knows the proxy file of it */
        if (named->fd < 0 && errno != ENOENT) {
            answer(call, -errno);
            return false;
        }
        named->fd = named->fd < 0 ? -ENOENT : named->fd;
    }
    if (named->fd == -EXDEV) {
        /* a copy of any descriptor may come, with any number */
        if (images_whole() < 0)
            answer(call, -EIO);
        else
            go_on(call);
        return false;
    }
    if (named->fd < 0) {
        /* where paths can't be followed by these rules, proxies could not be told */
        if (named->fd == -ENOSYS)
            answer(call, -EIO);
        else
            caller_refused(call, named->fd == -EACCES ? -ENOENT : named->fd);
        return false;
    }
    if (raw_call(SYS_fstat, named->fd, (long)&named->status, 0, 0, 0, 0) == 0 &&
        S_ISREG(named->status.st_mode) &&
        (named->status.st_nlink == 0 || named->status.st_size == PS_PROXY_FILE_SIZE))
        return true;
    raw_close(named->fd);
    go_on(call);
    return false;
}

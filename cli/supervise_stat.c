/* supervise_stat.c: stat and its kin: the size is the object's, the rest the proxy file's */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "psctl.h"
#include "supervise.h"

/* Where the answer goes: a struct stat, or a struct statx with what was asked. */
struct wanted {
    uint64_t to;
    bool is_statx;
    int flags;
    unsigned mask;
};

static void put_stat(const struct call *call, const struct wanted *wanted,
                     const struct stat *status, const struct statx *statx)
{
    ssize_t put = wanted->is_statx ? caller_write(call, wanted->to, statx, sizeof(*statx))
                                   : caller_write(call, wanted->to, status, sizeof(*status));

    answer(call, put < 0 ? put : 0);
}

/* These, too, are libps's: they know the sizes of objects. */
static void stat_proxy(const struct call *call, const struct wanted *wanted, const char *path)
{
    struct statx statx_result;
    struct stat stat_result;
    int result = wanted->is_statx ? statx(AT_FDCWD, path, wanted->flags & AT_STATX_SYNC_TYPE,
                                          wanted->mask, &statx_result)
                                  : stat(path, &stat_result);

    if (result < 0)
        answer(call, -errno);
    else
        put_stat(call, wanted, &stat_result, &statx_result);
}

static void stat_image(const struct call *call, const struct wanted *wanted, struct image *image)
{
    struct statx statx_result;
    struct stat stat_result;

    image_stat(image, &stat_result, &statx_result);
    put_stat(call, wanted, &stat_result, &statx_result);
}

static void stat_fd(const struct call *call, int fd, const struct wanted *wanted)
{
    int copy = caller_fd(call, fd);
    struct image *image = copy < 0 ? NULL : image_of(copy);

    if (copy >= 0)
        raw_close(copy);
    if (image != NULL)
        stat_image(call, wanted, image);
    else
        caller_refused(call, copy);
}

static void stat_path(const struct call *call, int dir, uint64_t path, const struct wanted *wanted)
{
    char text[PATH_MAX] = "";
    struct image *image;
    struct named named;
    int result = path == 0 ? 0 : caller_text(call, text, path);

    if (result < 0) {
        caller_refused(call, result);
        return;
    }
    if (text[0] == '\0' && (wanted->flags & AT_EMPTY_PATH) && dir >= 0) {
        stat_fd(call, dir, wanted);
        return;
    }
    if (text[0] == '\0') {
        go_on(call);
        return;
    }
    if (!find_named(&named, call, dir, text, !(wanted->flags & AT_SYMLINK_NOFOLLOW), 0))
        return;
    image = named.status.st_nlink == 0 ? image_of(named.fd) : NULL;
    name_it(&named);
    if (image != NULL)
        stat_image(call, wanted, image);
    else if (named.status.st_nlink > 0 && is_proxy_file(named.path))
        stat_proxy(call, wanted, named.path);
    else
        go_on(call);
    raw_close(named.fd);
}

void answer_stat(struct call *call)
{
    stat_path(call, AT_FDCWD, call->args[0], &(struct wanted){.to = call->args[1]});
}

void answer_lstat(struct call *call)
{
    stat_path(call, AT_FDCWD, call->args[0],
              &(struct wanted){.to = call->args[1], .flags = AT_SYMLINK_NOFOLLOW});
}

void answer_fstat(struct call *call)
{
    stat_fd(call, (int)call->args[0], &(struct wanted){.to = call->args[1]});
}

void answer_newfstatat(struct call *call)
{
    stat_path(call, (int)call->args[0], call->args[1],
              &(struct wanted){.to = call->args[2], .flags = (int)call->args[3]});
}

void answer_statx(struct call *call)
{
    stat_path(call, (int)call->args[0], call->args[1],
              &(struct wanted){.to = call->args[4],
                               .is_statx = true,
                               .flags = (int)call->args[2],
                               .mask = (unsigned)call->args[3]});
}

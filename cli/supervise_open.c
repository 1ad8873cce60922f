/* supervise_open.c: open and its variants: where a proxy file becomes its object */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "psctl.h"
#include "supervise.h"

static int is_same_file(int fd, const struct stat *other)
{
    struct stat status;

    return raw_call(SYS_fstat, fd, (long)&status, 0, 0, 0, 0) == 0 &&
           status.st_ino == other->st_ino && status.st_dev == other->st_dev;
}

static long limit_of(const struct call *call)
{
    struct rlimit limit;

    if (raw_call(SYS_prlimit64, call->thread, RLIMIT_NOFILE, 0, (long)&limit, 0, 0) < 0)
        return 0;
    return limit.rlim_cur < NUMBERS_END ? (long)limit.rlim_cur : NUMBERS_END;
}

/*
 * A number for an image that the caller does not use, or -1
 *
 * From the top: the kernel gives out the lowest ones, so it will not give out
 * this one before it is taken. Not the last one again: a program that closes
 * twice shall not close another image.
 */
static int free_number(const struct call *call)
{
    static atomic_uint turn;
    long range = limit_of(call) - IMAGE_NUMBERS;

    for (long i = 0; i < range; i++) {
        int number = IMAGE_NUMBERS + (int)(range - 1 - (long)(atomic_fetch_add(&turn, 1) % range));
        int fd = caller_fd(call, number);

        if (fd == -EBADF)
            return number;
        if (fd < 0)
            return -1;
        raw_close(fd);
    }
    return -1;
}

/* fd, a description of its own, becomes a descriptor of the caller, and what the call returns */
static void give(const struct call *call, int fd, int number, uint64_t flags)
{
    struct seccomp_notif_addfd add = {.id = call->id,
                                      .flags = SECCOMP_ADDFD_FLAG_SEND,
                                      .srcfd = (unsigned)fd,
                                      .newfd_flags = flags & O_CLOEXEC};

    if (number >= 0) {
        add.flags |= SECCOMP_ADDFD_FLAG_SETFD;
        add.newfd = (unsigned)number;
    }
    while (ioctl(call->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0)
        if (errno != EINTR) {
            if (errno != ENOENT)
                answer(call, -errno);
            return;
        }
}

static void give_image(const struct call *call, struct image *image, int fd, uint64_t flags)
{
    int number = atomic_load(&image->is_whole) ? -1 : free_number(call);

    /* with a low number its reads are not seen */
    if (number < 0 && image_whole(image) < 0)
        answer(call, -EIO);
    else
        give(call, fd, number, flags);
}

/* /dev/stdin and its like, of an image: a description of its own */
static void open_again(const struct call *call, const struct named *named, uint64_t flags)
{
    struct image *image = image_of(named->fd);
    char link[64];
    int fd;

    if (image == NULL) {
        go_on(call);
        return;
    }
    if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC)) {
        answer(call, -EROFS);
        return;
    }
    snprintf(link, sizeof(link), "/proc/self/fd/%d", named->fd);
    fd = raw_open(link, O_RDONLY | (int)(flags & O_NONBLOCK), 0);
    if (fd < 0) {
        answer(call, fd);
        return;
    }
    give_image(call, image, fd, flags);
    raw_close(fd);
}

/* Here open is libps's: of a proxy file it opens the object. */
static void open_proxy(const struct call *call, struct named *named, uint64_t flags)
{
    enum { KEPT = O_ACCMODE | O_APPEND | O_NONBLOCK | O_NOATIME | O_DIRECT | O_SYNC };
    struct image *image;
    struct stat status;
    int fd, own;

    name_it(named);
    fd = open(named->path, (int)(flags & KEPT) | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        answer(call, -errno);
        return;
    }
    if (is_same_file(fd, &named->status) ||
        raw_call(SYS_fstat, fd, (long)&status, 0, 0, 0, 0) < 0) {
        close(fd);
        go_on(call);
        return;
    }
    if (!caller_is_us(call)) {
        fail("%s: the program has become another user, for whom proxies are not opened",
             named->path);
        close(fd);
        answer(call, -EACCES);
        return;
    }
    own = (int)raw_call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0, 0, 0, 0);
    image = image_keep(fd, status.st_nlink > 0);
    if (own < 0 || image == NULL)
        answer(call, -ENOMEM);
    else
        give_image(call, image, own, flags);
    if (own >= 0)
        raw_close(own);
}

static void open_path(const struct call *call, int dir, uint64_t path, uint64_t flags,
                      uint64_t resolve)
{
    char text[PATH_MAX];
    struct named named;
    int result;

    if (flags & O_PATH) {
        go_on(call);
        return;
    }
    /* these make a file, or can't be of one; a proxy that is made empty is no more */
    if ((flags & O_DIRECTORY) || ((flags & O_CREAT) && (flags & O_EXCL))) {
        refuse_uri(call, dir, path, flags, resolve);
        return;
    }
    result = caller_text(call, text, path);
    if (result < 0) {
        caller_refused(call, result);
        return;
    }
    if (!find_named(&named, call, dir, text, !(flags & O_NOFOLLOW), resolve))
        return;
    if (named.status.st_nlink == 0)
        open_again(call, &named, flags);
    else if ((flags & O_TRUNC) && named.is_uri)
        answer(call, -EROFS);
    else if (flags & O_TRUNC)
        go_on(call);
    else
        open_proxy(call, &named, flags);
    raw_close(named.fd);
}

void answer_open(struct call *call)
{
    open_path(call, AT_FDCWD, call->args[0], call->args[1], 0);
}

void answer_creat(struct call *call)
{
    open_path(call, AT_FDCWD, call->args[0], O_CREAT | O_WRONLY | O_TRUNC, 0);
}

void answer_openat(struct call *call)
{
    open_path(call, (int)call->args[0], call->args[1], (unsigned)call->args[2], 0);
}

void answer_openat2(struct call *call)
{
    struct open_how how = {0};
    int result =
        call->args[3] < sizeof(how) ? -EINVAL : caller_read(call, &how, call->args[2], sizeof(how));

    if (result < 0)
        caller_refused(call, result);
    else
        open_path(call, (int)call->args[0], call->args[1], how.flags, how.resolve);
}

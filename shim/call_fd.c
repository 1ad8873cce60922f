/*
 * call_fd.c: descriptors that come, go and are copied
 *
 * What is remembered of a number is forgotten when the number may come to mean
 * something else. And libps's own descriptors are not the program's to close:
 * a "close everything" loop would take the userfaultfd with it, and every page
 * not yet here would read as zeros.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hold.h"
#include "base/sys.h"
#include "file_lock.h"
#include "hook.h"
#include "inherit.h"
#include "message.h"
#include "preload.h"
#include "real.h"
#include "view.h"

static bool is_ours(int fd)
{
    return ps_hold_has(fd) && !ps_guard_held();
}

HOOK(int, close, (int fd))
{
    if (is_ours(fd)) {
        errno = EBADF;
        return -1;
    }
    if (ps_hold_has(fd)) { /* a library of a backend is done with what call_own.c gave it */
        ps_unhold(fd);
        return 0;
    }
    ps_view_forget(fd);
    return REAL(close)(fd);
}
ALIAS(int, __close, close, (int));

enum { UNSHARE = 2 }; /* CLOSE_RANGE_UNSHARE */

/* Close from first to last, but for what is libps's. */
static int close_around(unsigned first, unsigned last, int flags)
{
    long result = 0;

    while (result == 0 && first <= last) {
        int held = first > INT_MAX ? -1 : ps_hold_next((int)first);
        unsigned end = held >= 0 && (unsigned)held <= last ? (unsigned)held - 1 : last;

        if (held != (int)first) {
            result = sys_call3(SYS_close_range, first, end, flags);
            flags &= ~UNSHARE; /* once is enough */
        }
        if (held < 0 || (unsigned)held > last)
            break;
        first = (unsigned)held + 1;
    }
    return (int)result;
}

static void forget_range(unsigned first, unsigned last)
{
    for (unsigned fd = first; fd <= last && fd < PS_VIEWS; fd++)
        ps_view_forget((int)fd);
}

HOOK(int, close_range, (unsigned first, unsigned last, int flags))
{
    if (first > last || ps_guard_held())
        return (int)ps_result(sys_call3(SYS_close_range, first, last, flags));
    if ((flags & ~UNSHARE) == 0) /* else they are close-on-exec then, or it is refused */
        forget_range(first, last);
    return (int)ps_result(close_around(first, last, flags));
}

/* One pass over the numbers that are open; false: none was there to close, or they can't be seen */
static bool close_listed(int folder, int from)
{
    char entries[1024] __attribute__((aligned(8)));
    bool closed = false;
    ssize_t got;

    while ((got = sys_getdents(folder, entries, sizeof(entries))) > 0)
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const void *)(entries + at);
            int fd = 0;

            for (const char *c = entry->d_name; *c >= '0' && *c <= '9'; c++)
                fd = fd * 10 + (*c - '0');
            if (entry->d_name[0] != '.' && fd >= from && fd != folder && !ps_hold_has(fd))
                closed |= sys_close(fd) != -EBADF;
            at += entry->d_reclen;
        }
    return closed;
}

/* Where close_range is not there (Linux before 5.9) or a filter refuses it: one by one, as libc */
static void close_one_by_one(int from)
{
    int folder = sys_openat(AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

    if (folder >= 0) {
        /* closing moves what is behind in the list */
        while (close_listed(folder, from))
            sys_lseek(folder, 0, SEEK_SET);
        sys_close(folder);
        return;
    }
    for (long fd = from, end = sysconf(_SC_OPEN_MAX); fd < end; fd++)
        if (!ps_hold_has((int)fd))
            sys_close((int)fd);
}

HOOK(void, closefrom, (int first))
{
    unsigned from = first < 0 ? 0 : (unsigned)first;
    int saved = errno;

    forget_range(from, UINT_MAX);
    if (close_around(from, UINT_MAX, 0) < 0)
        close_one_by_one((int)from);
    errno = saved;
}

static int copied(int from, long result)
{
    if (result >= 0)
        ps_view_copied(from, (int)result);
    return (int)ps_result(result);
}

HOOK(int, dup, (int fd))
{
    return copied(fd, sys_call3(SYS_dup, fd, 0, 0));
}

static int dup_to(int from, int to, int flags)
{
    struct ps_doubt doubt;
    int result;

    if (is_ours(to))
        return (int)ps_result(-EBUSY);
    ps_file_lock_meet(to);
    doubt = ps_view_doubt(to);
    result = sys_dup3(from, to, flags);
    if (result >= 0)
        ps_file_lock_closed(to);
    else
        ps_view_same(to, doubt);
    if (result == 2)
        ps_preload_stderr();
    return copied(from, result);
}

HOOK(int, dup2, (int from, int to))
{
    if (from == to) /* dup3 refuses it */
        return fcntl(from, F_GETFD) < 0 ? -1 : to;
    return dup_to(from, to, 0);
}
ALIAS(int, __dup2, dup2, (int, int));

HOOK(int, dup3, (int from, int to, int flags))
{
    return dup_to(from, to, flags);
}

HOOK(int, fcntl64, (int fd, int command, ...))
{
    va_list arguments;
    long argument;

    va_start(arguments, command);
    argument = va_arg(arguments, long);
    va_end(arguments);
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
        return copied(fd, sys_fcntl(fd, command, argument));
    if (command == F_SETLK || command == F_SETLKW || command == F_GETLK || command == F_OFD_SETLK ||
        command == F_OFD_SETLKW || command == F_OFD_GETLK)
        return ps_file_lock_fcntl(fd, command, (void *)argument);
    if (REAL(fcntl64) != NULL)
        return REAL(fcntl64)(fd, command, argument);
    return (int)ps_result(sys_fcntl(fd, command, argument));
}
ALIAS(int, fcntl, fcntl64, (int, int, ...));
ALIAS(int, __fcntl, fcntl64, (int, int, ...));

/* Descriptors that come by a socket may be images of another process. */
static void received(struct msghdr *message)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL;
         part = CMSG_NXTHDR(message, part)) {
        const unsigned char *at = CMSG_DATA(part);

        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        for (; at + sizeof(int) <= (unsigned char *)part + part->cmsg_len; at += sizeof(int)) {
            int fd;
            memcpy(&fd, at, sizeof(fd));
            ps_view_forget(fd);
        }
        ps_inherit_came();
        ps_release_hold_off();
    }
}

HOOK(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags))
{
    ssize_t got;

    if (ps_message_ready(message, "recvmsg") < 0)
        return -1;
    got = REAL(recvmsg)(fd, message, flags);
    if (got >= 0 && message->msg_controllen > 0)
        received(message);
    return got;
}

HOOK(int, recvmmsg,
     (int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout))
{
    int got;

    for (unsigned i = 0; ps_region_count() != 0 && i < count && i < 1024; i++)
        if (ps_message_ready(&messages[i].msg_hdr, "recvmmsg") < 0)
            return -1;
    got = REAL(recvmmsg)(fd, messages, count, flags, timeout);
    for (int i = 0; i < got; i++)
        if (messages[i].msg_hdr.msg_controllen > 0)
            received(&messages[i].msg_hdr);
    return got;
}

/* glibc 2.36 and later */
HOOK(int, pidfd_getfd, (int process, int number, unsigned flags))
{
    long fd = sys_call3(SYS_pidfd_getfd, process, number, flags);

    if (fd >= 0) {
        ps_view_forget((int)fd);
        ps_inherit_came();
        ps_release_hold_off();
    }
    return (int)ps_result(fd);
}

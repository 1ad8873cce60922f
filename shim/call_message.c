/*
 * call_message.c: more calls whose buffers may lie in lazy memory
 *
 * Several messages at once, recv of fortified programs, and pipes that are lent
 * memory. call_buffer.c has the others, and says why.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "hook.h"
#include "inherit.h"
#include "message.h"
#include "preload.h"
#include "real.h"

HOOK(int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags))
{
    for (unsigned i = 0; ps_region_count() != 0 && i < count && i < 1024; i++)
        if (ps_message_ready(&messages[i].msg_hdr, "sendmmsg") < 0)
            return -1;
    for (unsigned i = 0; ps_inherit_any() && i < count && i < 1024; i++)
        if (ps_inherit_sent(&messages[i].msg_hdr, "sendmmsg") < 0)
            return (int)ps_result(-EIO);
    return REAL(sendmmsg)(fd, messages, count, flags);
}

HOOK(ssize_t, vmsplice, (int fd, const struct iovec *vector, size_t count, unsigned flags))
{
    const struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)vector,
                                   .msg_iovlen = count};

    if (ps_message_ready(&message, "vmsplice") < 0)
        return -1;
    return REAL(vmsplice)(fd, vector, count, flags);
}

/* libc's check of the size is libc's to make. */
HOOK(ssize_t, __recv_chk, (int fd, void *buffer, size_t size, size_t room, int flags))
{
    if (size <= room && ps_preload_buffer(buffer, size, "recv") < 0)
        return ps_result(-EIO);
    return REAL(__recv_chk)(fd, buffer, size, room, flags);
}

HOOK(ssize_t, __recvfrom_chk,
     (int fd, void *buffer, size_t size, size_t room, int flags, void *from, void *length))
{
    if (size <= room && ps_preload_buffer(buffer, size, "recvfrom") < 0)
        return ps_result(-EIO);
    return REAL(__recvfrom_chk)(fd, buffer, size, room, flags, from, length);
}

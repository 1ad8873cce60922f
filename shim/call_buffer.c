/*
 * call_buffer.c: calls whose buffers may lie in lazy memory
 *
 * Where the engine does not catch touches by the kernel, write(fd, lazy, n)
 * would fail with EFAULT, or write less. So the buffer is made ready first.
 * Files that are proxies are never written: their descriptors are read-only.
 */
#include <sys/socket.h>
#include <sys/uio.h>

#include "hook.h"
#include "message.h"
#include "peek.h"
#include "preload.h"
#include "real.h"

#define READY(buffer, size, call)                                                                  \
    do {                                                                                           \
        if (ps_preload_buffer(buffer, size, call) < 0) {                                           \
            errno = EIO;                                                                           \
            return -1;                                                                             \
        }                                                                                          \
    } while (0)

/* A vector or a buffer in it that can't be read is the kernel's to refuse. */
static int vector_ready(const struct iovec *vector, size_t count, const char *call)
{
    struct iovec part;

    if (ps_region_count() == 0 || ps_guard_held())
        return 0;
    for (size_t i = 0; i < count && i < 1024 && ps_peek(&part, &vector[i], sizeof(part)) == 0; i++)
        if (ps_preload_buffer(part.iov_base, part.iov_len, call) < 0) {
            errno = EIO;
            return -1;
        }
    return 0;
}

int ps_message_ready(const struct msghdr *message, const char *call)
{
    struct msghdr copy;

    if (ps_region_count() == 0 || ps_peek(&copy, message, sizeof(copy)) < 0)
        return 0;
    return vector_ready(copy.msg_iov, copy.msg_iovlen, call);
}

HOOK(ssize_t, write, (int fd, const void *buffer, size_t size))
{
    READY(buffer, size, "write");
    return REAL(write)(fd, buffer, size);
}
ALIAS(ssize_t, __write, write, (int, const void *, size_t));

HOOK(ssize_t, pwrite64, (int fd, const void *buffer, size_t size, off_t offset))
{
    READY(buffer, size, "pwrite");
    return REAL(pwrite64)(fd, buffer, size, offset);
}
ALIAS(ssize_t, pwrite, pwrite64, (int, const void *, size_t, off_t));
ALIAS(ssize_t, __pwrite64, pwrite64, (int, const void *, size_t, off_t));

HOOK(ssize_t, writev, (int fd, const struct iovec *vector, int count))
{
    return vector_ready(vector, count > 0 ? (size_t)count : 0, "writev") < 0
               ? -1
               : REAL(writev)(fd, vector, count);
}

HOOK(ssize_t, pwritev64, (int fd, const struct iovec *vector, int count, off_t offset))
{
    if (vector_ready(vector, count > 0 ? (size_t)count : 0, "pwritev") < 0)
        return -1;
    return REAL(pwritev64)(fd, vector, count, offset);
}
ALIAS(ssize_t, pwritev, pwritev64, (int, const struct iovec *, int, off_t));

HOOK(ssize_t, pwritev64v2, (int fd, const struct iovec *vector, int count, off_t offset, int flags))
{
    if (vector_ready(vector, count > 0 ? (size_t)count : 0, "pwritev2") < 0)
        return -1;
    return REAL(pwritev64v2)(fd, vector, count, offset, flags);
}
ALIAS(ssize_t, pwritev2, pwritev64v2, (int, const struct iovec *, int, off_t, int));

HOOK(ssize_t, send, (int fd, const void *buffer, size_t size, int flags))
{
    READY(buffer, size, "send");
    return REAL(send)(fd, buffer, size, flags);
}

HOOK(ssize_t, sendto,
     (int fd, const void *buffer, size_t size, int flags, const void *to, unsigned length))
{
    READY(buffer, size, "sendto");
    return REAL(sendto)(fd, buffer, size, flags, to, length);
}

HOOK(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags))
{
    if (ps_message_ready(message, "sendmsg") < 0)
        return -1;
    return REAL(sendmsg)(fd, message, flags);
}

HOOK(ssize_t, recv, (int fd, void *buffer, size_t size, int flags))
{
    READY(buffer, size, "recv");
    return REAL(recv)(fd, buffer, size, flags);
}

HOOK(ssize_t, recvfrom, (int fd, void *buffer, size_t size, int flags, void *from, void *length))
{
    READY(buffer, size, "recvfrom");
    return REAL(recvfrom)(fd, buffer, size, flags, from, length);
}

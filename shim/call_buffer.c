/*
 * call_buffer.c: calls whose buffers may lie in lazy memory
 *
 * Where the engine does not catch touches by the kernel, write(fd, lazy, n)
 * would fail with EFAULT, or write less. So the buffer is made ready first.
 * Where it does, a touch that can't be served is EFAULT from the call as well;
 * to the program it is an I/O error, as of any mapped file.
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

/* Of what the kernel could not read or write: was it lazy memory that did not come? */
static ssize_t answer(ssize_t result, const void *buffer, size_t size)
{
    if (result < 0 && errno == EFAULT && ps_map_is_missing(buffer, size))
        errno = EIO;
    return result;
}

static ssize_t vector_answer(ssize_t result, const struct iovec *vector, size_t count)
{
    struct iovec part;

    if (result >= 0 || errno != EFAULT || ps_region_count() == 0)
        return result;
    for (size_t i = 0; i < count && i < 1024 && ps_peek(&part, &vector[i], sizeof(part)) == 0; i++)
        answer(result, part.iov_base, part.iov_len);
    return result;
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
    return answer(REAL(write)(fd, buffer, size), buffer, size);
}
ALIAS(ssize_t, __write, write, (int, const void *, size_t));

HOOK(ssize_t, pwrite64, (int fd, const void *buffer, size_t size, off_t offset))
{
    READY(buffer, size, "pwrite");
    return answer(REAL(pwrite64)(fd, buffer, size, offset), buffer, size);
}
ALIAS(ssize_t, pwrite, pwrite64, (int, const void *, size_t, off_t));
ALIAS(ssize_t, __pwrite64, pwrite64, (int, const void *, size_t, off_t));

HOOK(ssize_t, writev, (int fd, const struct iovec *vector, int count))
{
    size_t parts = count > 0 ? (size_t)count : 0;

    if (vector_ready(vector, parts, "writev") < 0)
        return -1;
    return vector_answer(REAL(writev)(fd, vector, count), vector, parts);
}

HOOK(ssize_t, pwritev64, (int fd, const struct iovec *vector, int count, off_t offset))
{
    size_t parts = count > 0 ? (size_t)count : 0;

    if (vector_ready(vector, parts, "pwritev") < 0)
        return -1;
    return vector_answer(REAL(pwritev64)(fd, vector, count, offset), vector, parts);
}
ALIAS(ssize_t, pwritev, pwritev64, (int, const struct iovec *, int, off_t));

HOOK(ssize_t, pwritev64v2, (int fd, const struct iovec *vector, int count, off_t offset, int flags))
{
    size_t parts = count > 0 ? (size_t)count : 0;

    if (vector_ready(vector, parts, "pwritev2") < 0)
        return -1;
    return vector_answer(REAL(pwritev64v2)(fd, vector, count, offset, flags), vector, parts);
}
ALIAS(ssize_t, pwritev2, pwritev64v2, (int, const struct iovec *, int, off_t, int));

HOOK(ssize_t, send, (int fd, const void *buffer, size_t size, int flags))
{
    READY(buffer, size, "send");
    return answer(REAL(send)(fd, buffer, size, flags), buffer, size);
}

HOOK(ssize_t, sendto,
     (int fd, const void *buffer, size_t size, int flags, const void *to, unsigned length))
{
    READY(buffer, size, "sendto");
    return answer(REAL(sendto)(fd, buffer, size, flags, to, length), buffer, size);
}

HOOK(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags))
{
    struct msghdr copy;
    ssize_t result;

    if (ps_message_ready(message, "sendmsg") < 0)
        return -1;
    result = REAL(sendmsg)(fd, message, flags);
    if (result < 0 && errno == EFAULT && ps_peek(&copy, message, sizeof(copy)) == 0)
        vector_answer(result, copy.msg_iov, copy.msg_iovlen);
    return result;
}

HOOK(ssize_t, recv, (int fd, void *buffer, size_t size, int flags))
{
    READY(buffer, size, "recv");
    return answer(REAL(recv)(fd, buffer, size, flags), buffer, size);
}

HOOK(ssize_t, recvfrom, (int fd, void *buffer, size_t size, int flags, void *from, void *length))
{
    READY(buffer, size, "recvfrom");
    return answer(REAL(recvfrom)(fd, buffer, size, flags, from, length), buffer, size);
}

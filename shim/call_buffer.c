/*
 * call_buffer.c: calls whose buffers may lie in lazy memory
 *
 * Where the engine does not catch touches by the kernel, write(fd, lazy, n)
 * would fail with EFAULT, or write less. So the buffer is made ready first.
 * Where it does, a touch that can't be served is EFAULT from the call as well;
 * to the program it is an I/O error, as of any mapped file.
 * Files that are proxies are never written: their descriptors are read-only.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "hook.h"
#include "inherit.h"
#include "message.h"
#include "peek.h"
#include "preload.h"
#include "real.h"

/* Of what the kernel could not touch: was it lazy memory that did not come? */
ssize_t ps_buffer_answer(ssize_t result, const void *buffer, size_t size, int prot)
{
    if (result < 0 && errno == EFAULT && ps_map_allows(buffer, size, prot))
        errno = EIO;
    return result;
}

/* The expression calls libc, and gives what the hook gives. */
#define WITH_BUFFER(buffer, size, prot, call, expression)                                          \
    do {                                                                                           \
        struct ps_pins pins;                                                                       \
        ssize_t result = -1;                                                                       \
                                                                                                   \
        pins.count = 0;                                                                            \
        if (ps_preload_pin(&pins, buffer, size, call) == 0)                                        \
            result = ps_buffer_answer(expression, buffer, size, prot);                             \
        else                                                                                       \
            errno = EIO;                                                                           \
        ps_map_unpin(&pins);                                                                       \
        return result;                                                                             \
    } while (0)

/* A vector or a buffer in it that can't be read is the kernel's to refuse. */
static int vector_ready(struct ps_pins *pins, const struct iovec *vector, size_t count,
                        const char *call)
{
    struct iovec part;

    if (ps_region_count() == 0 || ps_guard_held())
        return 0;
    for (size_t i = 0; i < count && i < 1024 && ps_peek(&part, &vector[i], sizeof(part)) == 0; i++)
        if (ps_preload_pin(pins, part.iov_base, part.iov_len, call) < 0) {
            errno = EIO;
            return -1;
        }
    return 0;
}

static ssize_t vector_answer(ssize_t result, const struct iovec *vector, size_t count)
{
    struct iovec part;

    if (result >= 0 || errno != EFAULT || ps_region_count() == 0)
        return result;
    for (size_t i = 0; i < count && i < 1024 && ps_peek(&part, &vector[i], sizeof(part)) == 0; i++)
        ps_buffer_answer(result, part.iov_base, part.iov_len, PROT_READ);
    return result;
}

#define WITH_VECTOR(vector, count, call, expression)                                               \
    do {                                                                                           \
        size_t parts = (count) > 0 ? (size_t)(count) : 0;                                          \
        struct ps_pins pins;                                                                       \
        ssize_t result = -1;                                                                       \
                                                                                                   \
        pins.count = 0;                                                                            \
        if (vector_ready(&pins, vector, parts, call) == 0)                                         \
            result = vector_answer(expression, vector, parts);                                     \
        ps_map_unpin(&pins);                                                                       \
        return result;                                                                             \
    } while (0)

int ps_message_ready(const struct msghdr *message, const char *call)
{
    struct msghdr copy;

    if (ps_region_count() == 0 || ps_peek(&copy, message, sizeof(copy)) < 0)
        return 0;
    return vector_ready(NULL, copy.msg_iov, copy.msg_iovlen, call);
}

HOOK(ssize_t, write, (int fd, const void *buffer, size_t size))
{
    WITH_BUFFER(buffer, size, PROT_READ, "write", REAL(write)(fd, buffer, size));
}
ALIAS(ssize_t, __write, write, (int, const void *, size_t));

HOOK(ssize_t, pwrite64, (int fd, const void *buffer, size_t size, off_t offset))
{
    WITH_BUFFER(buffer, size, PROT_READ, "pwrite", REAL(pwrite64)(fd, buffer, size, offset));
}
ALIAS(ssize_t, pwrite, pwrite64, (int, const void *, size_t, off_t));
ALIAS(ssize_t, __pwrite64, pwrite64, (int, const void *, size_t, off_t));

HOOK(ssize_t, writev, (int fd, const struct iovec *vector, int count))
{
    WITH_VECTOR(vector, count, "writev", REAL(writev)(fd, vector, count));
}

HOOK(ssize_t, pwritev64, (int fd, const struct iovec *vector, int count, off_t offset))
{
    WITH_VECTOR(vector, count, "pwritev", REAL(pwritev64)(fd, vector, count, offset));
}
ALIAS(ssize_t, pwritev, pwritev64, (int, const struct iovec *, int, off_t));

HOOK(ssize_t, pwritev64v2, (int fd, const struct iovec *vector, int count, off_t offset, int flags))
{
    WITH_VECTOR(vector, count, "pwritev2", REAL(pwritev64v2)(fd, vector, count, offset, flags));
}
ALIAS(ssize_t, pwritev2, pwritev64v2, (int, const struct iovec *, int, off_t, int));

HOOK(ssize_t, send, (int fd, const void *buffer, size_t size, int flags))
{
    WITH_BUFFER(buffer, size, PROT_READ, "send", REAL(send)(fd, buffer, size, flags));
}

HOOK(ssize_t, sendto,
     (int fd, const void *buffer, size_t size, int flags, const void *to, unsigned length))
{
    WITH_BUFFER(buffer, size, PROT_READ, "sendto",
                REAL(sendto)(fd, buffer, size, flags, to, length));
}

HOOK(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags))
{
    struct msghdr copy;
    ssize_t result;

    if (ps_message_ready(message, "sendmsg") < 0)
        return -1;
    if (ps_inherit_sent(message, "sendmsg") < 0)
        return ps_result(-EIO);
    result = REAL(sendmsg)(fd, message, flags);
    if (result < 0 && errno == EFAULT && ps_peek(&copy, message, sizeof(copy)) == 0)
        vector_answer(result, copy.msg_iov, copy.msg_iovlen);
    return result;
}

HOOK(ssize_t, recv, (int fd, void *buffer, size_t size, int flags))
{
    WITH_BUFFER(buffer, size, PROT_WRITE, "recv", REAL(recv)(fd, buffer, size, flags));
}

HOOK(ssize_t, recvfrom, (int fd, void *buffer, size_t size, int flags, void *from, void *length))
{
    WITH_BUFFER(buffer, size, PROT_WRITE, "recvfrom",
                REAL(recvfrom)(fd, buffer, size, flags, from, length));
}

/* supervise_read.c: reads of images are done here, into the caller's memory, when the bytes came */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "psctl.h"
#include "supervise.h"

enum { READ_MAX = 0x7ffff000 /* of one call, as the kernel has it */, STEP = 256 << 10 };

/* What one call reads. */
struct reading {
    struct image *image;
    int fd; /* a copy of the caller's */
    struct iovec one;
    const struct iovec *to;
    int count;
    size_t size; /* of all of it */
};

/* How many bytes were put, or a negative errno when none were. */
static ssize_t deliver(const struct call *call, const struct reading *reading, uint64_t offset)
{
    static _Thread_local char buffer[STEP];
    size_t done = 0, left = reading->size;

    for (int i = 0; i < reading->count && left > 0; i++) {
        uint64_t to = (uint64_t)(uintptr_t)reading->to[i].iov_base;
        size_t room = reading->to[i].iov_len < left ? reading->to[i].iov_len : left;

        while (room > 0) {
            size_t step = room < STEP ? room : STEP;
            ssize_t got = image_read(reading->image, reading->fd, buffer, step, offset + done), put;

            if (got <= 0)
                return got == 0 || done > 0 ? (ssize_t)done : got;
            put = caller_write(call, to, buffer, (size_t)got);
            if (put <= 0)
                return done > 0 ? (ssize_t)done : put;
            done += (size_t)put;
            if (put < got || (size_t)got < step)
                return (ssize_t)done;
            to += step;
            room -= step;
            left -= step;
        }
    }
    return (ssize_t)done;
}

/* At the offset that all copies of the descriptor share: the range is claimed before it is read. */
static void read_on(const struct call *call, const struct reading *reading)
{
    long size = (long)reading->size;
    long end = raw_call(SYS_lseek, reading->fd, size, SEEK_CUR, 0, 0, 0);
    ssize_t got;

    if (end < 0) {
        answer(call, 0); /* beyond all objects */
        return;
    }
    got = deliver(call, reading, (uint64_t)(end - size));
    if (got < size)
        raw_call(SYS_lseek, reading->fd, (got > 0 ? got : 0) - size, SEEK_CUR, 0, 0, 0);
    if (!answer(call, got) && got > 0) /* it was interrupted, and calls again */
        raw_call(SYS_lseek, reading->fd, -got, SEEK_CUR, 0, 0, 0);
}

/* offset negative: the descriptor's own */
static void read_image(const struct call *call, struct reading *reading, int64_t offset)
{
    reading->fd = caller_fd(call, (int)call->args[0]);
    reading->image = reading->fd < 0 ? NULL : image_of(reading->fd);
    if (reading->image == NULL)
        caller_refused(call, reading->fd);
    else if (atomic_load(&reading->image->is_whole) || reading->size == 0)
        go_on(call);
    else if (offset < 0)
        read_on(call, reading);
    else
        answer(call, deliver(call, reading, (uint64_t)offset));
    if (reading->fd >= 0)
        raw_close(reading->fd);
}

static void read_one(const struct call *call, int64_t offset)
{
    size_t size = call->args[2] < READ_MAX ? (size_t)call->args[2] : READ_MAX;
    struct reading reading = {.one = {(void *)(uintptr_t)call->args[1], size},
                              .to = &reading.one,
                              .count = 1,
                              .size = size};

    read_image(call, &reading, offset);
}

/* What is wrong with the vector is the kernel's to say. */
static void read_many(const struct call *call, int64_t offset)
{
    struct iovec vector[IOV_MAX];
    struct reading reading = {.to = vector, .count = (int)call->args[2]};
    int result = call->args[2] > IOV_MAX
                     ? -EINVAL
                     : caller_read(call, vector, call->args[1], call->args[2] * sizeof(*vector));

    if (result < 0) {
        caller_refused(call, result);
        return;
    }
    for (int i = 0; i < reading.count; i++) {
        if (vector[i].iov_len > SSIZE_MAX) {
            go_on(call);
            return;
        }
        if (vector[i].iov_len > READ_MAX - reading.size)
            vector[i].iov_len = READ_MAX - reading.size;
        reading.size += vector[i].iov_len;
    }
    read_image(call, &reading, offset);
}

void answer_read(struct call *call)
{
    read_one(call, -1);
}

void answer_pread(struct call *call)
{
    if ((int64_t)call->args[3] < 0)
        go_on(call); /* EINVAL */
    else
        read_one(call, (int64_t)call->args[3]);
}

void answer_readv(struct call *call)
{
    read_many(call, -1);
}

void answer_preadv(struct call *call)
{
    /* on machines of 64 bits the lower half has it all; preadv2 knows -1 as the descriptor's own */
    int64_t offset = (int64_t)call->args[3];

    if (offset < -1 || (offset < 0 && call->number == SYS_preadv))
        go_on(call);
    else
        read_many(call, offset);
}

/* An object has no holes, whatever the image has. */
void answer_lseek(struct call *call)
{
    int fd = caller_fd(call, (int)call->args[0]);
    struct image *image = fd < 0 ? NULL : image_of(fd);
    int64_t offset = (int64_t)call->args[1];
    struct stat status;

    if (image == NULL)
        caller_refused(call, fd);
    else if (raw_call(SYS_fstat, fd, (long)&status, 0, 0, 0, 0) < 0 || offset < 0 ||
             offset >= status.st_size)
        answer(call, -ENXIO);
    else
        answer(call, raw_call(SYS_lseek, fd,
                              call->args[2] == SEEK_DATA ? (long)offset : (long)status.st_size,
                              SEEK_SET, 0, 0, 0));
    if (fd >= 0)
        raw_close(fd);
}

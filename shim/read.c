/*
 * read.c: read, pread, readv, preadv on images; see read.h
 *
 * They are cancellation points when they begin, and not after: a thread that
 * ended there would leave its claim, its reference and its use of the table.
 */
#include "read.h"

#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/sys.h"
#include "hook.h"
#include "message.h"
#include "peek.h"
#include "real.h"

enum { CALL_MAX = 0x7ffff000 }; /* what the kernel reads in one call at most */

int ps_claim_begin(struct ps_claim *claim, int fd, size_t size, uint64_t object_size)
{
    off_t end;

    if (size > CALL_MAX)
        size = CALL_MAX;
    end = sys_lseek(fd, (off_t)size, SEEK_CUR);
    if (end == -EINVAL ||
        end == -EOVERFLOW) { /* no room behind it: then nothing is there to read */
        size = 0;
        end = sys_lseek(fd, 0, SEEK_CUR);
    }
    if (end < 0)
        return (int)end;
    claim->fd = fd;
    claim->wanted = size;
    claim->start = (uint64_t)end - size;
    claim->size = 0;
    if (claim->start < object_size)
        claim->size =
            size < object_size - claim->start ? size : (size_t)(object_size - claim->start);
    return 0;
}

void ps_claim_end(const struct ps_claim *claim, ssize_t used)
{
    size_t back = claim->wanted - (used > 0 ? (size_t)used : 0);

    if (back > 0)
        sys_lseek(claim->fd, -(off_t)back, SEEK_CUR);
}

static ssize_t fail(int result)
{
    errno = -result;
    return -1;
}

/* The image's range is ready and stays so while the kernel copies it. */
static ssize_t pread_image(const struct ps_view *view, int fd, void *buffer, size_t size,
                           uint64_t offset, const char *call)
{
    int result = ps_preload_begin(view, offset, size, call, fd);
    ssize_t got;

    if (result < 0)
        return fail(result);
    got = ps_result(sys_pread(fd, buffer, size, offset));
    ps_preload_end(view->image);
    return got;
}

static ssize_t read_image(const struct ps_view *view, int fd, void *buffer, size_t size,
                          const char *call)
{
    struct ps_claim claim = {.fd = -1};
    ssize_t got = 0;
    int result = ps_claim_begin(&claim, fd, size, ps_image_size(view->image));

    if (result < 0)
        return fail(result);
    if (claim.size > 0)
        got = pread_image(view, fd, buffer, claim.size, claim.start, call);
    ps_claim_end(&claim, got);
    return got;
}

bool ps_read_view(int fd, void *buffer, size_t size, const char *call, struct ps_pins *pins,
                  ssize_t *result)
{
    struct ps_view view;
    int image;

    REAL(pthread_testcancel)();
    image = ps_view_image(fd, &view);
    if (image <= 0) {
        if (image == 0 && ps_preload_pin(pins, buffer, size, call) == 0)
            return false;
        *result = fail(image < 0 ? image : -EIO);
        return true;
    }
    if (ps_preload_pin(pins, buffer, size, call) < 0)
        *result = fail(-EIO);
    else if (size == 0)
        *result = 0;
    else
        *result = read_image(&view, fd, buffer, size, call);
    ps_image_put(view.image);
    return true;
}

/* --- read, pread ------------------------------------------------------------------- */

HOOK(ssize_t, read, (int fd, void *buffer, size_t size))
{
    struct ps_pins pins;
    ssize_t got;

    if (ps_view_reads_itself(fd) && !ps_region_near((uintptr_t)buffer, size))
        return REAL(read)(fd, buffer, size);
    pins.count = 0;
    if (!ps_read_view(fd, buffer, size, "read", &pins, &got))
        got = REAL(read)(fd, buffer, size);
    ps_map_unpin(&pins);
    return ps_buffer_answer(got, buffer, size, PROT_WRITE);
}
ALIAS(ssize_t, __read, read, (int, void *, size_t));

/* libc's checks of fortified programs end the program when they fail; the kernel's don't: be safe
 */
HOOK(ssize_t, __read_chk, (int fd, void *buffer, size_t size, size_t room))
{
    return ps_hook_read(fd, buffer, size < room ? size : room);
}

HOOK(ssize_t, pread64, (int fd, void *buffer, size_t size, off_t offset))
{
    struct ps_view view;
    struct ps_pins pins;
    ssize_t got;
    int image;

    if (ps_view_reads_itself(fd) && !ps_region_near((uintptr_t)buffer, size))
        return REAL(pread64)(fd, buffer, size, offset);
    REAL(pthread_testcancel)();
    image = ps_view_image(fd, &view);
    if (image < 0)
        return fail(image);
    pins.count = 0;
    if (!ps_guard_held() && ps_preload_pin(&pins, buffer, size, "pread") < 0)
        got = fail(-EIO);
    else if (image == 0 || offset < 0)
        got = REAL(pread64)(fd, buffer, size, offset);
    else
        got = pread_image(&view, fd, buffer, size, (uint64_t)offset, "pread");
    if (image > 0)
        ps_image_put(view.image);
    ps_map_unpin(&pins);
    return ps_buffer_answer(got, buffer, size, PROT_WRITE);
}
ALIAS(ssize_t, pread, pread64, (int, void *, size_t, off_t));
ALIAS(ssize_t, __pread64, pread64, (int, void *, size_t, off_t));

HOOK(ssize_t, __pread64_chk, (int fd, void *buffer, size_t size, off_t offset, size_t room))
{
    return ps_hook_pread64(fd, buffer, size < room ? size : room, offset);
}
ALIAS(ssize_t, __pread_chk, __pread64_chk, (int, void *, size_t, off_t, size_t));

/* --- vectors ------------------------------------------------------------------------- */

enum { VECTOR_MAX = 1024 };

int ps_read_prepare(struct ps_pins *pins, const struct iovec *vector, int count, size_t *total,
                    const char *call)
{
    struct iovec part;

    *total = 0;
    if (count < 0 || count > VECTOR_MAX)
        return -EINVAL;
    for (int i = 0; i < count; i++) {
        int result = ps_peek(&part, &vector[i], sizeof(part));
        if (result < 0)
            return result;
        if (ps_preload_pin(pins, part.iov_base, part.iov_len, call) < 0)
            return -EIO;
        *total += part.iov_len < CALL_MAX - *total ? part.iov_len : CALL_MAX - *total;
    }
    return 0;
}

static ssize_t preadv_image(const struct ps_view *view, int fd, const struct iovec *vector,
                            int count, uint64_t offset, size_t size, int flags)
{
    int result = ps_preload_begin(view, offset, size, "preadv", fd);
    ssize_t got;

    if (result < 0)
        return fail(result);
    got = sys_call6(flags == 0 ? SYS_preadv : SYS_preadv2, fd, (long)vector, count, (long)offset, 0,
                    flags);
    ps_preload_end(view->image);
    return ps_result(got);
}

/* On an image; offset -1: at the descriptor's own offset */
static ssize_t readv_image(const struct ps_view *view, int fd, const struct iovec *vector,
                           int count, off_t offset, size_t size, int flags)
{
    struct ps_claim claim = {.fd = -1};
    ssize_t got = 0;
    int result;

    if (offset != -1)
        return preadv_image(view, fd, vector, count, (uint64_t)offset, size, flags);
    result = ps_claim_begin(&claim, fd, size, ps_image_size(view->image));
    if (result < 0)
        return fail(result);
    if (claim.size > 0)
        got = preadv_image(view, fd, vector, count, claim.start, claim.size, flags);
    ps_claim_end(&claim, got);
    return got;
}

/* False in *done: nothing to do here, the call goes to libc as it is. */
static ssize_t readv_view(int fd, const struct iovec *vector, int count, off_t offset, int flags,
                          struct ps_pins *pins, bool *done)
{
    struct ps_view view;
    size_t size;
    ssize_t got = 0;
    int image, result;

    *done = false;
    pins->count = 0;
    if (ps_guard_held() || (ps_view_reads_itself(fd) && ps_region_count() == 0))
        return 0;
    REAL(pthread_testcancel)();
    image = ps_view_image(fd, &view);
    *done = image != 0;
    if (image < 0)
        return fail(image);
    if (image == 0 && ps_region_count() == 0)
        return 0; /* a sandbox may kill a program that reads a vector as ps_read_prepare does */
    result = ps_read_prepare(pins, vector, count, &size, "readv");
    if (result == 0 && image > 0)
        got = readv_image(&view, fd, vector, count, offset, size, flags);
    if (image > 0)
        ps_image_put(view.image);
    *done |= result == -EIO;
    return result < 0 ? fail(result) : got;
}

HOOK(ssize_t, readv, (int fd, const struct iovec *vector, int count))
{
    struct ps_pins pins;
    bool done;
    ssize_t got = readv_view(fd, vector, count, -1, 0, &pins, &done);

    if (!done)
        got = REAL(readv)(fd, vector, count);
    ps_map_unpin(&pins);
    return got;
}

HOOK(ssize_t, preadv64, (int fd, const struct iovec *vector, int count, off_t offset))
{
    struct ps_pins pins = {.count = 0};
    bool done = false;
    ssize_t got = offset >= 0 ? readv_view(fd, vector, count, offset, 0, &pins, &done) : 0;

    if (!done)
        got = REAL(preadv64)(fd, vector, count, offset);
    ps_map_unpin(&pins);
    return got;
}
ALIAS(ssize_t, preadv, preadv64, (int, const struct iovec *, int, off_t));

HOOK(ssize_t, preadv64v2, (int fd, const struct iovec *vector, int count, off_t offset, int flags))
{
    struct ps_pins pins = {.count = 0};
    bool done = false;
    ssize_t got = offset >= -1 ? readv_view(fd, vector, count, offset, flags, &pins, &done) : 0;

    if (!done)
        got = REAL(preadv64v2)(fd, vector, count, offset, flags);
    ps_map_unpin(&pins);
    return got;
}
ALIAS(ssize_t, preadv2, preadv64v2, (int, const struct iovec *, int, off_t, int));

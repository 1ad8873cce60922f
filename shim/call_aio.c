/*
 * call_aio.c: reads that libc makes in a thread of its own, where no hook sees them
 *
 * The range is made ready before the request is queued. It is not held ready
 * until libc gets there, as nobody tells when that is: a program that evicts
 * what it has asked for must wait for it first. Before glibc 2.34 these are in
 * librt, and not there for a program that loads it later.
 */
#include <aio.h>

#include "hook.h"
#include "real.h"
#include "view.h"

static int fail(struct aiocb *block, int error)
{
    block->__error_code = error; /* what aio_error and aio_return look at */
    block->__return_value = -1;
    errno = error;
    return -1;
}

/* 0 or a negative errno */
static int make_ready(const struct aiocb *block, const char *call)
{
    struct ps_view view;
    void *buffer = (void *)(uintptr_t)block->aio_buf;
    int image, result = 0;

    if (ps_guard_held())
        return 0;
    image = ps_view_image(block->aio_fildes, &view);
    if (image > 0) {
        if (block->aio_offset >= 0)
            result = ps_preload_begin(&view, (uint64_t)block->aio_offset, block->aio_nbytes, call,
                                      block->aio_fildes);
        if (result == 0 && block->aio_offset >= 0)
            ps_preload_end(view.image);
        ps_image_put(view.image);
    }
    if (image < 0 || result < 0)
        return image < 0 ? image : result;
    return ps_preload_buffer(buffer, block->aio_nbytes, call);
}

HOOK(int, aio_read64, (struct aiocb * block))
{
    int result = make_ready(block, "aio_read");

    if (result < 0)
        return fail(block, -result);
    return REAL(aio_read64) != NULL ? REAL(aio_read64)(block) : fail(block, ENOSYS);
}
ALIAS(int, aio_read, aio_read64, (struct aiocb *));

HOOK(int, aio_write64, (struct aiocb * block))
{
    int result =
        ps_preload_buffer((void *)(uintptr_t)block->aio_buf, block->aio_nbytes, "aio_write");

    if (result < 0)
        return fail(block, -result);
    return REAL(aio_write64) != NULL ? REAL(aio_write64)(block) : fail(block, ENOSYS);
}
ALIAS(int, aio_write, aio_write64, (struct aiocb *));

/* Where one request can't be had, none is made, and each of them says so. */
HOOK(int, lio_listio64, (int mode, struct aiocb *const *blocks, int count, struct sigevent *event))
{
    int result = 0;

    for (int i = 0; i < count && result == 0; i++)
        if (blocks[i] != NULL && blocks[i]->aio_lio_opcode == LIO_READ)
            result = make_ready(blocks[i], "lio_listio");
        else if (blocks[i] != NULL && blocks[i]->aio_lio_opcode == LIO_WRITE)
            result = ps_preload_buffer((void *)(uintptr_t)blocks[i]->aio_buf, blocks[i]->aio_nbytes,
                                       "lio_listio");
    for (int i = 0; i < count && result < 0; i++)
        if (blocks[i] != NULL)
            fail(blocks[i], -result);
    if (result < 0)
        return -1;
    if (REAL(lio_listio64) == NULL)
        return (int)ps_result(-ENOSYS);
    return REAL(lio_listio64)(mode, blocks, count, event);
}
ALIAS(int, lio_listio, lio_listio64, (int, struct aiocb *const *, int, struct sigevent *));

/*
 * call_queue.c: the kernel's own queues of requests, by libaio and liburing
 *
 * Both make their system calls themselves. What io_submit is given is made
 * ready first. A ring's requests are seen by nobody, so a program that has
 * proxies gets none; liburing's functions and libaio's give the error itself.
 */
#include <errno.h>
#include <linux/aio_abi.h>
#include <sys/uio.h>

#include "base/sys.h"
#include "hook.h"
#include "inherit.h"
#include "peek.h"
#include "queue.h"
#include "read.h"
#include "real.h"

/* --- io_uring ---------------------------------------------------------------------------- */

/*
 * Completions would come from an image's holes. Programs that get no ring fall
 * back to read; one that has a ring already gets objects that are here.
 * Announced first: another thread may be opening the first proxy.
 */
long ps_queue_ring(long (*make)(void *), void *argument, long refused)
{
    long ring = refused;

    ps_view_readers_unseen(1);
    if (ps_images == NULL)
        ring = make(argument);
    if (ring < 0)
        ps_view_readers_unseen(-1);
    return ring;
}

struct init {
    const char *name;
    unsigned entries;
    void *ring, *params, *memory;
    size_t size;
};

/* liburing's, with what each takes; it takes no more than it knows */
static long by_liburing(void *argument)
{
    const struct init *init = argument;
    int (*real)(unsigned, void *, void *, void *, size_t);
    void *found = ps_real_late(init->name);

    if (found == NULL)
        return -ENOSYS;
    memcpy(&real, &found, sizeof(real));
    return real(init->entries, init->ring, init->params, init->memory, init->size);
}

static int init_ring(struct init init)
{
    return (int)(ps_guard_held() ? by_liburing(&init) : ps_queue_ring(by_liburing, &init, -ENOSYS));
}

HOOK(int, io_uring_setup, (unsigned entries, void *params))
{
    return init_ring((struct init){"io_uring_setup", entries, params, NULL, NULL, 0});
}

HOOK(int, io_uring_queue_init, (unsigned entries, void *ring, unsigned flags))
{
    return init_ring(
        (struct init){"io_uring_queue_init", entries, ring, (void *)(uintptr_t)flags, NULL, 0});
}

HOOK(int, io_uring_queue_init_params, (unsigned entries, void *ring, void *params))
{
    return init_ring((struct init){"io_uring_queue_init_params", entries, ring, params, NULL, 0});
}

HOOK(int, io_uring_queue_init_mem,
     (unsigned entries, void *ring, void *params, void *memory, size_t size))
{
    return init_ring((struct init){"io_uring_queue_init_mem", entries, ring, params, memory, size});
}

/* --- io_submit ------------------------------------------------------------------------------ */

static bool is_vector(const struct iocb *block)
{
    return block->aio_lio_opcode == IOCB_CMD_PREADV || block->aio_lio_opcode == IOCB_CMD_PWRITEV;
}

static bool moves_bytes(const struct iocb *block)
{
    return block->aio_lio_opcode == IOCB_CMD_PREAD || block->aio_lio_opcode == IOCB_CMD_PWRITE ||
           is_vector(block);
}

/* The buffers are made ready, and counted. */
static int buffers_ready(struct ps_pins *pins, const struct iocb *block, size_t *total)
{
    void *buffer = (void *)(uintptr_t)block->aio_buf; /* or a vector of aio_nbytes parts */

    if (is_vector(block))
        return ps_read_prepare(pins, buffer, (int)block->aio_nbytes, total, "io_submit");
    *total = block->aio_nbytes;
    return ps_preload_pin(pins, buffer, *total, "io_submit");
}

/* One request. What is wrong with it is the kernel's to say. */
static long submit_one(ps_submit *submit, unsigned long context, struct iocb **at)
{
    struct ps_pins pins = {.count = 0};
    struct ps_view view;
    struct iocb *address, block;
    size_t total;
    long result;
    int image = 0, ready = 0;

    if (ps_peek(&address, at, sizeof(address)) < 0 || ps_peek(&block, address, sizeof(block)) < 0 ||
        !moves_bytes(&block))
        return submit(context, 1, at);
    ready = buffers_ready(&pins, &block, &total);
    if (ready == 0)
        image = ready = ps_view_image((int)block.aio_fildes, &view);
    if (image > 0)
        ready = block.aio_offset < 0 ? 1
                                     : ps_preload_begin(&view, (uint64_t)block.aio_offset, total,
                                                        "io_submit", (int)block.aio_fildes);
    /* of an image, the kernel reads while it is asked */
    result = ready < 0 && ready != -EFAULT && ready != -EINVAL ? ready : submit(context, 1, at);
    if (image > 0 && ready == 0)
        ps_preload_end(view.image);
    if (image > 0)
        ps_image_put(view.image);
    ps_map_unpin(&pins);
    return result;
}

/* One by one, as the kernel does; the first that fails ends it, and is told if it is the first. */
long ps_queue_submit(ps_submit *submit, unsigned long context, long count, struct iocb **blocks)
{
    long done = 0, result = 1;

    if (ps_guard_held() || (ps_region_count() == 0 && !ps_inherit_any()))
        return submit(context, count, blocks);
    while (done < count && result == 1) {
        result = submit_one(submit, context, blocks + done);
        done += result == 1;
    }
    return done > 0 || count == 0 ? done : result == 1 ? submit(context, count, blocks) : result;
}

static long by_libaio(unsigned long context, long count, struct iocb **blocks)
{
    return sys_call3(SYS_io_submit, context, count, blocks);
}

HOOK(int, io_submit, (void *context, long count, struct iocb **blocks))
{
    return (int)ps_queue_submit(by_libaio, (unsigned long)(uintptr_t)context, count, blocks);
}

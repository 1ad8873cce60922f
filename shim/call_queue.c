/*
 * call_queue.c: the kernel's own queues of requests, by libaio and liburing
 *
 * Both make their system calls themselves. What io_submit is given is made
 * ready first. A ring's requests are seen by nobody, so a program that has
 * proxies gets none; liburing's functions and libaio's give the error itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <sys/uio.h>

#include "base/dir.h"
#include "base/sys.h"
#include "hook.h"
#include "inherit.h"
#include "peek.h"
#include "queue.h"
#include "read.h"
#include "real.h"

/* --- io_uring ---------------------------------------------------------------------------- */

/* Linux 6.5 and 6.6: memory of the program's, and no descriptor, by which the ring could be seen */
enum { NO_MMAP = 1 << 14, REGISTERED_FD_ONLY = 1 << 15 };

static _Atomic int making; /* rings that are just being made */
static _Atomic bool made;  /* one was, ever */
static _Atomic bool hidden;

/*
 * Completions would come from an image's holes. Programs that get no ring fall
 * back to read; one that has a ring already gets objects that are here.
 * Announced first: another thread may be opening the first proxy.
 */
long ps_queue_ring(long (*make)(void *), void *argument, unsigned flags, long refused)
{
    long ring = refused;

    atomic_fetch_add(&making, 1);
    if (ps_images == NULL)
        ring = make(argument);
    if (ring >= 0) {
        atomic_store(&made, true);
        if (flags & (NO_MMAP | REGISTERED_FD_ONLY))
            atomic_store(&hidden, true);
    }
    atomic_fetch_sub(&making, 1);
    return ring;
}

static const char ring_name[] = "anon_inode:[io_uring]";

static int is_ring(int dir, const char *name, void *unused)
{
    char link[sizeof(ring_name)];

    (void)unused;
    return sys_readlinkat(dir, name, link, sizeof(link)) == sizeof(ring_name) - 1 &&
           memcmp(link, ring_name, sizeof(ring_name) - 1) == 0;
}

/* Is one mapped? By a mapping and a number that only the kernel knows it works without a
 * descriptor. */
static bool is_mapped(void)
{
    char text[4096];
    int maps = sys_openat(AT_FDCWD, "/proc/thread-self/maps", O_RDONLY | O_CLOEXEC, 0);
    size_t kept = 0; /* the end of the part before, in which the name may begin */
    bool found = maps < 0;
    ssize_t got = 0;

    while (!found && (got = sys_read(maps, text + kept, sizeof(text) - kept)) > 0) {
        size_t size = kept + (size_t)got;

        found = memmem(text, size, ring_name, sizeof(ring_name) - 1) != NULL;
        kept = size < sizeof(ring_name) ? size : sizeof(ring_name);
        memmove(text, text + size - kept, kept);
    }
    if (maps >= 0)
        sys_close(maps);
    return found || got < 0;
}

bool ps_queue_has_ring(void)
{
    if (atomic_load(&making) > 0 || atomic_load(&hidden))
        return true;
    return atomic_load(&made) &&
           (ps_dir_each("/proc/thread-self/fd", is_ring, NULL) != 0 || is_mapped());
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

static int init_ring(struct init init, unsigned flags)
{
    return (int)(ps_guard_held() ? by_liburing(&init)
                                 : ps_queue_ring(by_liburing, &init, flags, -ENOSYS));
}

unsigned ps_queue_flags(const void *params)
{
    uint32_t first[3]; /* sq_entries, cq_entries, flags */

    return ps_peek(first, params, sizeof(first)) == 0 ? first[2] : 0; /* a bad one is refused */
}

HOOK(int, io_uring_setup, (unsigned entries, void *params))
{
    return init_ring((struct init){"io_uring_setup", entries, params, NULL, NULL, 0},
                     ps_queue_flags(params));
}

HOOK(int, io_uring_queue_init, (unsigned entries, void *ring, unsigned flags))
{
    return init_ring(
        (struct init){"io_uring_queue_init", entries, ring, (void *)(uintptr_t)flags, NULL, 0},
        flags);
}

HOOK(int, io_uring_queue_init_params, (unsigned entries, void *ring, void *params))
{
    return init_ring((struct init){"io_uring_queue_init_params", entries, ring, params, NULL, 0},
                     ps_queue_flags(params));
}

HOOK(int, io_uring_queue_init_mem,
     (unsigned entries, void *ring, void *params, void *memory, size_t size))
{
    return init_ring((struct init){"io_uring_queue_init_mem", entries, ring, params, memory, size},
                     NO_MMAP);
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

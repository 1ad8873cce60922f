/*
 * aio.c: reads that no hook of read sees: POSIX aio, whose reads are made inside libc, and io_uring
 */
#include "check.h"

#include <aio.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>

enum { AT = 500000, SIZE = 70000 };

static unsigned char bytes[2][SIZE];

static struct aiocb request(int fd, void *to, off_t offset)
{
    return (struct aiocb){.aio_fildes = fd,
                          .aio_buf = to,
                          .aio_nbytes = SIZE,
                          .aio_offset = offset,
                          .aio_lio_opcode = LIO_READ};
}

static ssize_t ended(struct aiocb *block)
{
    const struct aiocb *list[] = {block};

    while (aio_error(block) == EINPROGRESS)
        CHECK(aio_suspend(list, 1, NULL) == 0);
    return aio_return(block);
}

static void one(void)
{
    struct aiocb block = request(open_px("small"), bytes[0], AT);
    struct aiocb end = request(block.aio_fildes, bytes[1], SMALL - 10);

    CHECK(aio_read(&block) == 0 && aio_read(&end) == 0);
    CHECK(ended(&block) == SIZE && ended(&end) == 10);
    BYTES(bytes[0], SIZE, AT);
    BYTES(bytes[1], 10, SMALL - 10);
}

static void list(void)
{
    int fd = open_px("small"), plain = open(data("small"), O_RDONLY);
    struct aiocb first = request(fd, bytes[0], 0), second = request(plain, bytes[1], AT);
    struct aiocb *blocks[] = {&first, NULL, &second};

    CHECK(lio_listio(LIO_WAIT, blocks, 3, NULL) == 0);
    CHECK(ended(&first) == SIZE && ended(&second) == SIZE);
    BYTES(bytes[0], SIZE, 0);
    BYTES(bytes[1], SIZE, AT);
}

static void fails(void)
{
    struct aiocb block = request(open_px("error"), bytes[0], AT);
    struct aiocb *blocks[] = {&block};

    hear();
    turn(1);
    FAILS(aio_read(&block), EIO);
    heard_one("error", "aio_read", NULL);
    FAILS(lio_listio(LIO_WAIT, blocks, 1, NULL), EIO);
    CHECK(aio_error(&block) == EIO);
    turn(0);
    CHECK(aio_read(&block) == 0 && ended(&block) == SIZE);
    BYTES(bytes[0], SIZE, AT);
}

/* A ring that was made before the first proxy; one made later is refused. */
static void ring(void)
{
    struct io_uring_params p = {0};
    struct io_uring_sqe *entry;
    unsigned char *submit, *complete;
    int ring = (int)syscall(SYS_io_uring_setup, 4, &p), fd;

    if (ring < 0)
        return; /* this machine has none */
    submit = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
                  IORING_OFF_SQ_RING);
    complete = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
                    PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
    entry = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
    CHECK(submit != MAP_FAILED && complete != MAP_FAILED && (void *)entry != MAP_FAILED);
    fd = open_px("small");
    entry->opcode = IORING_OP_READ;
    entry->fd = fd;
    entry->addr = (uintptr_t)bytes[0];
    entry->len = SIZE;
    entry->off = AT;
    *(unsigned *)(void *)(submit + p.sq_off.array) = 0;
    *(unsigned *)(void *)(submit + p.sq_off.tail) = 1;
    CHECK(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1);
    CHECK(((struct io_uring_cqe *)(void *)(complete + p.cq_off.cqes))->res == SIZE);
    BYTES(bytes[0], SIZE, AT);
    FAILS(syscall(SYS_io_uring_setup, 4, &p), ENOSYS);
}

/* While there is one, an open fetches all. It is gone with its number and its mappings. */
static void ring_gone(void)
{
    struct io_uring_params p = {0};
    int ring = (int)syscall(SYS_io_uring_setup, 4, &p), fd;
    void *at;

    if (ring < 0)
        return; /* this machine has none */
    at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
    CHECK(at != MAP_FAILED);
    hear();
    turn(1);
    FAILS(open(px("error"), O_RDONLY), EIO);
    CHECK(raw_call(SYS_close, ring, 0, 0, 0, 0, 0) == 0); /* as liburing, by no hook */
    FAILS(open(px("error"), O_RDONLY), EIO);
    CHECK(munmap(at, PAGE) == 0);
    fd = open_px("error");
    turn(0);
    CHECK(pread(fd, bytes[0], SIZE, AT) == SIZE);
    BYTES(bytes[0], SIZE, AT);
}

/* What programs linked to liburing call; with no proxy met yet, there is just no such library here
 */
static void liburing(void)
{
    int (*init)(unsigned, void *, unsigned) = dlsym(RTLD_DEFAULT, "io_uring_queue_init");
    int (*with_params)(unsigned, void *, void *) =
        dlsym(RTLD_DEFAULT, "io_uring_queue_init_params");
    char room[4096] = {0};

    open_px("small");
    errno = 0;
    CHECK(init(4, room, 0) == -ENOSYS && errno == 0);
    CHECK(with_params(4, room, room) == -ENOSYS);
}

/* --- libaio ------------------------------------------------------------------------------- */

static unsigned long queue;

/* libaio's gives the error itself */
static long by_libaio(long count, struct iocb **blocks)
{
    static int (*submit)(unsigned long, long, struct iocb **);

    if (submit == NULL)
        submit = dlsym(RTLD_DEFAULT, "io_submit");
    return submit(queue, count, blocks);
}

static long by_syscall(long count, struct iocb **blocks)
{
    long result = syscall(SYS_io_submit, queue, count, blocks);

    return result < 0 ? -errno : result;
}

static void check_event(struct iocb *block, long wanted)
{
    struct io_event event;

    CHECK(syscall(SYS_io_getevents, queue, 1, 1, &event, NULL) == 1);
    if (event.obj != (uintptr_t)block || event.res != wanted)
        FAIL("%lld, not %ld", (long long)event.res, wanted);
}

static void submits(long (*submit)(long, struct iocb **))
{
    struct iovec parts[2] = {{bytes[0], 1000}, {bytes[1], SIZE}};
    struct iocb one = {.aio_lio_opcode = IOCB_CMD_PREAD,
                       .aio_buf = (uintptr_t)bytes[0],
                       .aio_nbytes = SIZE,
                       .aio_offset = AT};
    struct iocb two = {.aio_lio_opcode = IOCB_CMD_PREADV,
                       .aio_buf = (uintptr_t)parts,
                       .aio_nbytes = 2,
                       .aio_offset = AT + 5};
    struct iocb end = one, bad = one, out = one, *blocks[] = {&one}, *more[] = {&two, &end, &bad};
    struct iocb *none[] = {(void *)8};
    unsigned char *lazy;

    queue = 0;
    CHECK(syscall(SYS_io_setup, 8, &queue) == 0);
    one.aio_fildes = two.aio_fildes = end.aio_fildes = (unsigned)open_px("small");
    bad.aio_fildes = 9999;
    end.aio_offset = SMALL - 9;
    CHECK(submit(1, blocks) == 1);
    check_event(&one, SIZE);
    BYTES(bytes[0], SIZE, AT);
    CHECK(submit(3, more) == 2);
    check_event(&two, 1000 + SIZE);
    BYTES(bytes[1], SIZE, AT + 5 + 1000);
    check_event(&end, 9);
    more[0] = &bad;
    CHECK(submit(2, more) == -EBADF && submit(0, NULL) == 0 && submit(-1, more) == -EINVAL);
    CHECK(submit(1, none) == -EFAULT && submit(1, (struct iocb **)(void *)8) == -EFAULT);
    /* from lazy memory */
    lazy = map_px("small", SMALL, PROT_READ, MAP_PRIVATE);
    out.aio_lio_opcode = IOCB_CMD_PWRITE;
    out.aio_buf = (uintptr_t)(lazy + AT);
    out.aio_offset = 0;
    out.aio_fildes = (unsigned)open(tmp("out"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    blocks[0] = &out;
    CHECK(submit(1, blocks) == 1);
    check_event(&out, SIZE);
    CHECK(pread((int)out.aio_fildes, bytes[0], SIZE, 0) == SIZE);
    BYTES(bytes[0], SIZE, AT);
    /* what can't be had */
    hear();
    one.aio_fildes = (unsigned)open_px("error");
    blocks[0] = &one;
    turn(1);
    CHECK(submit(1, blocks) == -EIO);
    turn(0);
    heard_one("error", "io_submit", NULL);
}

static void libaio(void)
{
    submits(by_libaio);
}

static void libaio_by_syscall(void)
{
    submits(by_syscall);
}

int main(void)
{
    const struct check_case cases[] = {
        CASE(one),       CASE(list),     CASE(fails),  CASE(ring),
        CASE(ring_gone), CASE(liburing), CASE(libaio), CASE(libaio_by_syscall)};

    return CASES(cases, flag_off);
}

/*
 * aio.c: reads that no hook of read sees: POSIX aio, whose reads are made inside libc, and io_uring
 */
#include "check.h"

#include <aio.h>
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

int main(void)
{
    const struct check_case cases[] = {CASE(one), CASE(list), CASE(fails), CASE(ring)};

    return CASES(cases, flag_off);
}

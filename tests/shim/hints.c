/*
 * hints.c: posix_fadvise, readahead and madvise start fetches and steer look-ahead; they never wait
 *
 * run: link memcheck
 */
#include "check.h"

#include <ps/ps.h>

enum { WINDOW = 128 << 10, PAGES = 64 };

static struct ps_stats stats;
static unsigned char bytes[BIG];

static void count(void)
{
    int (*get)(const void *, struct ps_stats *, struct ps_error *) =
        (int (*)(const void *, struct ps_stats *, struct ps_error *))dlsym(RTLD_DEFAULT,
                                                                           "ps_stats_get");

    CHECK(get != NULL);
    stats.struct_size = sizeof(stats);
    CHECK(get(NULL, &stats, NULL) == 0);
}

static size_t fetched(void)
{
    count();
    return stats.fetched;
}

static void wait_for(size_t size)
{
    while (fetched() < size)
        usleep(1000);
}

static void read_pages(int fd, int from, int pages)
{
    for (int i = from; i < from + pages; i++) {
        CHECK(pread(fd, bytes, PAGE, (off_t)i * PAGE) == PAGE);
        BYTES(bytes, PAGE, (uint64_t)i * PAGE);
    }
}

/* --- descriptors ---------------------------------------------------------------------- */

/* A store that takes 400 ms: nobody has waited, and then all is here. */
static void willneed(void)
{
    int fd = open_px("slower");

    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED) == 0);
    count();
    CHECK(stats.stalls == 0);
    wait_for(SMALL);
    CHECK(pread(fd, bytes, SMALL, 0) == SMALL);
    BYTES(bytes, SMALL, 0);
    CHECK(fetched() == SMALL);
}

static void willneed_of_a_part(void)
{
    int fd = open_px("big");

    CHECK(posix_fadvise(fd, 10 * PAGE + 1, 2 * PAGE, POSIX_FADV_WILLNEED) == 0);
    wait_for(3 * PAGE); /* all pages that hold a byte of it */
    CHECK(readahead(fd, 100 * PAGE, PAGE) == 0);
    wait_for(4 * PAGE);
    CHECK(posix_fadvise(fd, BIG - 1, 1 << 30, POSIX_FADV_WILLNEED) == 0);
    wait_for(4 * PAGE + BIG % PAGE);
    CHECK(posix_fadvise(fd, BIG, 0, POSIX_FADV_WILLNEED) == 0);
    CHECK(posix_fadvise(fd, 10 * PAGE, PAGE, POSIX_FADV_WILLNEED) == 0); /* it is here */
    CHECK(readahead(fd, 0, 0) == 0);
    CHECK(syscall(SYS_fadvise64, fd, 200 * PAGE, PAGE, POSIX_FADV_WILLNEED) == 0);
    wait_for(5 * PAGE + BIG % PAGE);
    CHECK(syscall(SYS_readahead, fd, 300 * PAGE, PAGE) == 0);
    wait_for(6 * PAGE + BIG % PAGE);
    CHECK(pread(fd, bytes, 2 * PAGE, 10 * PAGE + 1) == 2 * PAGE);
    BYTES(bytes, 2 * PAGE, 10 * PAGE + 1);
    CHECK(fetched() == 6 * PAGE + BIG % PAGE);
}

static void random_reads(void)
{
    int fd = open_px("big"), copy;

    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM) == 0);
    read_pages(fd, 0, PAGES);
    CHECK(fetched() == PAGES * PAGE);
    copy = dup(fd);
    CHECK(lseek(copy, PAGES * PAGE, SEEK_SET) == PAGES * PAGE);
    for (int i = 0; i < PAGES; i++)
        CHECK(read(copy, bytes, PAGE) == PAGE);
    CHECK(fetched() == 2 * PAGES * PAGE);
    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL) == 0);
    read_pages(fd, 1000, PAGES);
    wait_for((2 * PAGES + PAGES + 1) * PAGE);
}

/* Of other descriptors of the object nothing was said. */
static void random_of_one(void)
{
    int fd = open_px("big"), other = open_px("big");

    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM) == 0);
    read_pages(other, 0, PAGES);
    wait_for((PAGES + 1) * PAGE);
    CHECK(close(fd) == 0);
    CHECK(open(px("big"), O_RDONLY) == fd); /* the same number */
    read_pages(fd, 5000, PAGES);
    wait_for((PAGES + 1 + PAGES + 1) * PAGE);
}

/* Programs that say so of every input, and then read its head only, fetch one window more. */
static void sequential_reads(void)
{
    int fd = open_px("big"), other = open_px("big");

    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL) == 0);
    CHECK(read(fd, bytes, 100) == 100);
    BYTES(bytes, 100, 0);
    wait_for(PAGE + WINDOW);
    CHECK(posix_fadvise(other, 0, 0, POSIX_FADV_RANDOM) == 0);
    read_pages(other, 5000, 1); /* behind all that was queued */
    CHECK(fetched() == PAGE + WINDOW + PAGE);
}

static void other_advice(void)
{
    int fd = open_px("big");

    read_pages(fd, 0, 1);
    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_NOREUSE) == 0);
    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
    read_pages(fd, 0, 1);
    count();
    CHECK(stats.fetched == PAGE && stats.requests == 1);
}

/* --- memory ---------------------------------------------------------------------------- */

static volatile unsigned char *map;

static void touch_pages(int from, int pages)
{
    for (int i = from; i < from + pages; i++)
        CHECK(map[i * PAGE + 5] == byte_at((uint64_t)i * PAGE + 5));
}

static void map_big(void)
{
    map = map_px("big", BIG, PROT_READ, MAP_PRIVATE);
}

static int advise(int from, int pages, int advice)
{
    return madvise((void *)(map + from * PAGE), (size_t)pages * PAGE, advice);
}

static void memory_willneed(void)
{
    map = map_px("slower", SMALL, PROT_READ, MAP_PRIVATE);
    CHECK(madvise((void *)map, SMALL, MADV_WILLNEED) == 0);
    count();
    CHECK(stats.stalls == 0);
    wait_for(SMALL);
    BYTES((void *)map, SMALL, 0);
    CHECK(fetched() == SMALL);
}

static void memory_willneed_of_a_part(void)
{
    map_big();
    CHECK(advise(10, 2, MADV_WILLNEED) == 0);
    wait_for(2 * PAGE);
    CHECK(syscall(SYS_madvise, map + 100 * PAGE, PAGE, MADV_WILLNEED) == 0);
    wait_for(3 * PAGE);
    CHECK(posix_madvise((void *)(map + 200 * PAGE), 1, POSIX_MADV_WILLNEED) == 0);
    wait_for(4 * PAGE);
    touch_pages(10, 2);
    touch_pages(100, 1);
    touch_pages(200, 1);
    CHECK(fetched() == 4 * PAGE);
}

static void memory_random(void)
{
    map_big();
    CHECK(advise(0, 2 * PAGES, MADV_RANDOM) == 0);
    touch_pages(0, PAGES);
    CHECK(fetched() == PAGES * PAGE);
    CHECK(advise(0, 2 * PAGES, MADV_NORMAL) == 0);
    touch_pages(PAGES, PAGES / 2);
    wait_for((PAGES + PAGES / 2 + 1) * PAGE);
}

/* Of the rest of the map nothing was said; nor of what is mapped there next. */
static void memory_random_of_a_part(void)
{
    map_big();
    CHECK(posix_madvise((void *)(map + PAGES * PAGE), PAGES * PAGE, POSIX_MADV_RANDOM) == 0);
    touch_pages(PAGES, PAGES);
    CHECK(fetched() == PAGES * PAGE);
    touch_pages(1000, PAGES);
    wait_for((PAGES + PAGES + 1) * PAGE);
    CHECK(munmap((void *)map, BIG) == 0);
    map_big();
    touch_pages(PAGES, 2 * PAGES);
}

static void memory_sequential(void)
{
    map_big();
    CHECK(advise(0, 2 * PAGES, MADV_SEQUENTIAL) == 0);
    touch_pages(10, 1);
    wait_for(PAGE + WINDOW);
    touch_pages(5000, 1); /* behind all that was queued */
    CHECK(fetched() == PAGE + WINDOW + PAGE);
}

/* --- errors, as of a plain file ---------------------------------------------------------- */

static void same_advice(int plain, int proxy, off_t offset, off_t size, int advice)
{
    int wanted = posix_fadvise(plain, offset, size, advice), got;

    errno = 77;
    got = posix_fadvise(proxy, offset, size, advice);
    CHECK(got == wanted && errno == 77);
    if (wanted == 0)
        CHECK(syscall(SYS_fadvise64, proxy, offset, size, advice) == 0);
    else
        FAILS(syscall(SYS_fadvise64, proxy, offset, size, advice), wanted);
}

static void errors(void)
{
    int plain = open(data("small"), O_RDONLY), proxy = open_px("small"), closed, ends[2];

    for (int advice = -1; advice < 8; advice++) {
        same_advice(plain, proxy, 0, 0, advice);
        same_advice(plain, proxy, 0, -1, advice);
        same_advice(plain, proxy, -1, 10, advice);
        same_advice(plain, proxy, 1 << 30, 10, advice);
        same_advice(plain, proxy, INT64_MAX, INT64_MAX, advice);
    }
    CHECK(readahead(plain, 1 << 30, 10) == 0 && readahead(proxy, 1 << 30, 10) == 0);
    CHECK(readahead(plain, 0, SIZE_MAX) == readahead(proxy, 0, SIZE_MAX));
    CHECK(pipe(ends) == 0);
    CHECK(posix_fadvise(ends[0], 0, 0, POSIX_FADV_WILLNEED) == ESPIPE);
    FAILS(readahead(ends[0], 0, 10), EINVAL);
    /* not the lowest free number: a worker may have that for a moment */
    closed = fcntl(proxy, F_DUPFD, 500);
    CHECK(closed >= 500 && close(closed) == 0);
    CHECK(posix_fadvise(closed, 0, 0, POSIX_FADV_SEQUENTIAL) == EBADF);
    FAILS(readahead(closed, 0, 10), EBADF);
    FAILS(readahead(-1, 0, 10), EBADF);
}

static void memory_errors(void)
{
    map_big();
    errno = 77;
    CHECK(posix_madvise((void *)(map + 1), PAGE, POSIX_MADV_WILLNEED) == EINVAL && errno == 77);
    CHECK(posix_madvise((void *)map, PAGE, 99) == EINVAL);
    CHECK(posix_madvise((void *)map, PAGE, POSIX_MADV_DONTNEED) == 0);
    FAILS(madvise((void *)(map + 1), PAGE, MADV_RANDOM), EINVAL);
    CHECK(madvise((void *)map, 0, MADV_RANDOM) == 0);
    /* what is mapped is advised all the same */
    CHECK(munmap((void *)(map + PAGE), PAGE) == 0);
    FAILS(advise(0, 3, MADV_WILLNEED), ENOMEM);
    wait_for(2 * PAGE);
    touch_pages(0, 1);
    touch_pages(2, 1);
    CHECK(fetched() == 2 * PAGE);
}

/* --- failures --------------------------------------------------------------------------- */

/* It is no failure of any call: the read tries for itself. */
static void failing_store(void)
{
    int fd = open_px("error"), on = open(in("FLAGS", "on"), O_WRONLY | O_CREAT, 0666);

    CHECK(on >= 0 && close(on) == 0);
    map = map_px("error", SMALL, PROT_READ, MAP_PRIVATE);
    hear();
    CHECK(posix_fadvise(fd, 0, PAGE, POSIX_FADV_WILLNEED) == 0);
    CHECK(readahead(fd, 10 * PAGE, PAGE) == 0);
    CHECK(advise(20, 1, MADV_WILLNEED) == 0);
    for (count(); stats.failures < 3; count())
        usleep(1000);
    CHECK(unlink(in("FLAGS", "on")) == 0);
    CHECK(pread(fd, bytes, SMALL, 0) == SMALL);
    BYTES(bytes, SMALL, 0);
    touch_pages(20, 1);
    heard_nothing();
}

int main(void)
{
    static const struct check_case cases[] = {
        CASE(willneed),          CASE(willneed_of_a_part),
        CASE(random_reads),      CASE(random_of_one),
        CASE(sequential_reads),  CASE(other_advice),
        CASE(memory_willneed),   CASE(memory_willneed_of_a_part),
        CASE(memory_random),     CASE(memory_random_of_a_part),
        CASE(memory_sequential), CASE(errors),
        CASE(memory_errors),     CASE(failing_store),
    };

    return CASES(cases, NULL);
}

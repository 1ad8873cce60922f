/*
 * cancelled.c: a thread that is cancelled in a read of a proxy leaves nothing behind
 *
 * Neither an offset that is moved on by bytes that nobody got, nor blocks that
 * can't be evicted any more.
 */
#include "check.h"

#include <pthread.h>
#include <sys/uio.h>

static unsigned char bytes[100];
static volatile int reading;
static volatile long got;

static void *reader(void *fd)
{
    reading = 1;
    got = read(*(int *)fd, bytes, 25);
    pthread_testcancel();
    return NULL;
}

static void while_fetching(void)
{
    int fd = open_px("slower");
    pthread_t thread;
    void *end;

    CHECK(pthread_create(&thread, NULL, reader, &fd) == 0);
    while (!reading)
        usleep(1000);
    usleep(100000);
    CHECK(pthread_cancel(thread) == 0 && pthread_join(thread, &end) == 0 &&
          end == PTHREAD_CANCELED);
    CHECK(lseek(fd, 0, SEEK_CUR) == got);
    BYTES(bytes, (size_t)got, 0);
}

static void *reads_cancelled(void *argument)
{
    const int *what = argument;
    struct iovec part = {bytes, 25};

    CHECK(pthread_cancel(pthread_self()) == 0);
    if (what[1] == 0)
        got = read(what[0], bytes, 25);
    else if (what[1] == 1)
        got = pread(what[0], bytes, 25, 5);
    else if (what[1] == 2)
        got = readv(what[0], &part, 1);
    else
        got = preadv(what[0], &part, 1, 5);
    return NULL;
}

/* Each of them is a cancellation point, as on any file. */
static void before(void)
{
    int what[2] = {open_px("small")};
    pthread_t thread;
    void *end;

    for (; what[1] < 4; what[1]++) {
        CHECK(pthread_create(&thread, NULL, reads_cancelled, what) == 0);
        CHECK(pthread_join(thread, &end) == 0);
        if (end != PTHREAD_CANCELED)
            FAIL("call %d is no cancellation point", what[1]);
        CHECK(lseek(what[0], 0, SEEK_CUR) == 0);
    }
}

int main(void)
{
    const struct check_case cases[] = {CASE(while_fetching), CASE(before)};

    return CASES(cases, NULL);
}

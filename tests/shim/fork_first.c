/*
 * fork_first.c: forks while libps is only half awake, and with signals on the way
 *
 * A parent may have met nothing but a refusal; the handler of a signal that
 * comes during a fork may open its first proxy, or fork in its turn.
 * run: no-asan (its malloc may be locked for ever in a child)
 */
#include "check.h"

#include <sys/time.h>

static void child_reads(void)
{
    unsigned char bytes[100];
    pid_t child = fork();

    if (child == 0) {
        int fd;
        time_limit(5);
        fd = open_px("small");
        CHECK(read(fd, bytes, sizeof(bytes)) == sizeof(bytes));
        BYTES(bytes, sizeof(bytes), 0);
        _exit(0);
    }
    reap(child);
}

static void after_an_open_for_writing(void)
{
    FAILS(open(tmp("victim"), O_RDWR), EROFS);
    child_reads();
}

static void after_a_refusal(void)
{
    hear();
    FAILS(open(px("refused"), O_RDONLY), EACCES);
    child_reads();
}

static volatile sig_atomic_t calls;

static void open_in_handler(int number)
{
    int fd = open_px(calls++ % 2 ? "small" : "slow");

    (void)number;
    CHECK(close(fd) == 0);
}

static void fork_in_handler(int number)
{
    int saved = errno;
    pid_t child = fork();

    (void)number;
    if (child == 0)
        _exit(0);
    reap(child);
    errno = saved;
    calls++;
}

static void with_signals(void (*handler)(int))
{
    struct itimerval timer = {{0, 700}, {0, 700}}, stop = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    int fd = open_px("small");
    char byte;

    CHECK(read(fd, &byte, 1) == 1);
    CHECK(sigaction(SIGPROF, &action, NULL) == 0);
    CHECK(setitimer(ITIMER_PROF, &timer, NULL) == 0);
    for (int i = 0; i < 300; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        reap(child);
    }
    CHECK(setitimer(ITIMER_PROF, &stop, NULL) == 0);
    CHECK(calls > 0);
}

static void handler_opens(void)
{
    with_signals(open_in_handler);
}

static void handler_forks(void)
{
    with_signals(fork_in_handler);
}

int main(void)
{
    static const struct check_case cases[] = {
        CASE(after_an_open_for_writing),
        CASE(after_a_refusal),
        CASE(handler_opens),
#if __GLIBC_PREREQ(2, 34) /* before, no program with threads could */
        CASE(handler_forks),
#endif
    };

    (void)handler_forks;

    return CASES(cases, NULL);
}

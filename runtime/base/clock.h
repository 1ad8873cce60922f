/* clock.h: the time that has passed since some time; it only goes forward. Safe in a handler. */
#ifndef PS_CLOCK_H
#define PS_CLOCK_H

#include <stdint.h>
#include <time.h>

/* ps_now_ms: milliseconds, as of the last tick of the kernel's clock */
static inline uint64_t ps_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ps_now_ns: nanoseconds, exactly */
static inline uint64_t ps_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/*
 * ps_run_ns: nanoseconds in which somebody looked at this clock; for deadlines
 *
 * While the process is stopped (SIGSTOP, a terminal, a job that is suspended)
 * nothing can come in time, and nobody is to blame. So it stands still where
 * nobody has called for more than two seconds: who waits for something must
 * call more often.
 */
uint64_t ps_run_ns(void);

#endif

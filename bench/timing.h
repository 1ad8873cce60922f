/* timing.h: what the drivers share. Static, so that each driver is one file to compile. */
#ifndef BENCH_TIMING_H
#define BENCH_TIMING_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static inline int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* quantile: the value below which the part of all values lies; sorts them */
static inline double quantile(double *values, size_t count, double part)
{
    size_t at = (size_t)((double)count * part);

    qsort(values, count, sizeof(*values), compare_doubles);
    return values[at < count ? at : count - 1];
}

static inline double median(double *values, size_t count)
{
    return quantile(values, count, 0.5);
}

/* new_doubles: memory for count values, or the end of the program */
static inline double *new_doubles(size_t count)
{
    double *values = calloc(count ? count : 1, sizeof(*values));

    if (values == NULL) {
        fputs("no memory\n", stderr);
        exit(1);
    }
    return values;
}

/* The next of a row of pseudorandom numbers (splitmix64), the same in every run. */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

#endif

/* timing.h: what the drivers share. Static, so that each driver is one file to compile. */
#ifndef BENCH_TIMING_H
#define BENCH_TIMING_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/*
 * What something took. Figures are of cpu, the user + system time of all
 * threads: it is what other work on the machine disturbs least. wall stands
 * beside it, so that waiting would show.
 */
struct took {
    double wall, cpu; /* ns */
};

static inline double clock_ns(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* now, since: what this process takes between the two */
static inline struct took now(void)
{
    return (struct took){clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_PROCESS_CPUTIME_ID)};
}

static inline struct took since(struct took begin)
{
    struct took end = now();

    return (struct took){end.wall - begin.wall, end.cpu - begin.cpu};
}

static inline void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL) {
        fputs("no memory\n", stderr);
        exit(1);
    }
    return memory;
}

/* --- pairs: two things measured in turn, until their time is up ------------------- */

enum { PAIRS_LEAST = 20, PAIRS_MOST = 100000, PAIRS_WARM_UP = 2 };

struct pair {
    struct took first, second;
};

struct pairs {
    struct pair *pair;
    size_t count;
};

/*
 * measure_pairs: measure(first), measure(second), and again, for so many seconds
 *
 * Which of the two goes first changes at every turn: what drifts then hits
 * both. The first few pairs are thrown away.
 */
static inline struct pairs measure_pairs(const char *seconds, struct took (*measure)(const void *),
                                         const void *first, const void *second)
{
    struct pairs pairs = {allocate(PAIRS_MOST, sizeof(struct pair)), 0};
    double end = now().wall + strtod(seconds, NULL) * 1e9;
    size_t turn = 0;

    while (pairs.count < PAIRS_LEAST || (pairs.count < PAIRS_MOST && now().wall < end)) {
        struct took one = measure(turn % 2 ? second : first);
        struct took other = measure(turn % 2 ? first : second);

        if (turn >= PAIRS_WARM_UP)
            pairs.pair[pairs.count++] =
                turn % 2 ? (struct pair){other, one} : (struct pair){one, other};
        turn++;
    }
    return pairs;
}

static inline int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/*
 * print_figure: NAME=median NAME_low= NAME_high= of all pairs
 *
 * Between low and high lies the median of many more pairs, 95 times of 100:
 * they are the values whose ranks are that far from the middle.
 */
static inline void print_figure(const struct pairs *pairs, const char *name,
                                double (*figure)(const struct pair *))
{
    double *values = allocate(pairs->count, sizeof(*values));
    double middle = (double)pairs->count / 2, reach = 0.98 * sqrt((double)pairs->count);

    for (size_t i = 0; i < pairs->count; i++)
        values[i] = figure(&pairs->pair[i]);
    qsort(values, pairs->count, sizeof(*values), compare_doubles);
    printf("%s=%.5f %s_low=%.5f %s_high=%.5f ", name, values[(size_t)middle], name,
           values[(size_t)(middle - reach)], name, values[(size_t)(middle + reach)]);
    free(values);
}

/* Figures: how often the first's time the second took, and how often its speed it had */

static inline double cpu_ratio(const struct pair *pair)
{
    return pair->second.cpu / pair->first.cpu;
}

static inline double wall_ratio(const struct pair *pair)
{
    return pair->second.wall / pair->first.wall;
}

static inline double cpu_speed(const struct pair *pair)
{
    return pair->first.cpu / pair->second.cpu;
}

static inline double wall_speed(const struct pair *pair)
{
    return pair->first.wall / pair->second.wall;
}

#endif

/*
 * stats.h: the board on which processes count
 *
 * PS_STATS=<path> names a file that holds a board already: libps makes none.
 * Every process that runs with it maps the file and counts in it as it goes, so
 * that the numbers survive exec, _exit and kill -9, and so that a reader may
 * look at any time. A file that is no board is said to be none.
 * "psctl run --stats" makes one for the processes it starts. Counters are
 * only added to, each atomically; together they are no snapshot.
 */
#ifndef PS_STATS_H
#define PS_STATS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PS_BOARD_MAGIC   0x35647270736270ULL /* "pbsprd5": changes with the layout */
#define PS_BOARD_RECORDS 1024
#define PS_STALL_BUCKETS 240 /* eight for each doubling, from 2^10 to 2^40 nanoseconds */

/* One object. A record is taken by setting id from 0, and is to be read when state is 2. */
struct ps_record {
    uint32_t state;
    uint32_t direct;     /* 1: programs got the object's own file; nothing was moved */
    uint64_t id;         /* hash of the object's URI, offset and version */
    char object[256];    /* URI, cut if longer */
    uint64_t size;       /* bytes of the object */
    uint64_t fetched;    /* bytes moved from the store */
    uint64_t requests;   /* reads sent to the store */
    uint64_t faults;     /* first touches of memory that the engine caught */
    uint64_t stalls;     /* times that a touch or a call had to wait */
    uint64_t stalled_ns; /* time that touches and calls waited, in nanoseconds */
    uint64_t failures;   /* requests that failed */
    uint64_t opens;      /* times that the object was opened or mapped */
    uint64_t whole;      /* times that all of it was made ready, for readers that can't be seen */
    uint64_t evicted;    /* bytes dropped again, by ps_evict or for PS_MEMORY */
    uint64_t wasted;     /* bytes fetched ahead of streams of accesses that then ended */
    uint64_t resident;   /* the most bytes that one image of it held at once */
    uint64_t cached;     /* bytes that the node's cache had, and were not moved */
    uint64_t stall_times[PS_STALL_BUCKETS]; /* stalls by their length: see ps_stall_bucket */
};

enum ps_board_engine { PS_BOARD_UFFD, PS_BOARD_UFFD_USER, PS_BOARD_SEGV, PS_BOARD_ENGINES };

/* An engine, in all processes that used it. */
struct ps_engine_counts {
    uint64_t events;  /* first touches that it was told of: page faults, or SIGSEGVs */
    uint64_t batches; /* reads that brought such events, one or more; of segv: 0, it has none */
    uint64_t wakeups; /* times that its thread slept, and an event woke it; of segv: 0 */
};

struct ps_board {
    uint64_t magic;   /* PS_BOARD_MAGIC */
    uint32_t records; /* PS_BOARD_RECORDS; an object beyond them is counted in no record */
    uint32_t dropped; /* objects that found no record */
    struct ps_engine_counts engine[PS_BOARD_ENGINES];
    struct ps_record record[PS_BOARD_RECORDS];
};

/*
 * ps_stall_bucket: where a stall of ns nanoseconds is counted
 *
 * Bucket 0 has what is shorter than its limit, however short; the last one also what is longer.
 */
static inline unsigned ps_stall_bucket(uint64_t ns)
{
    unsigned power;

    if (ns < UINT64_C(1) << 10)
        return 0;
    if (ns >= UINT64_C(1) << 40)
        return PS_STALL_BUCKETS - 1;
    power = 63U - (unsigned)__builtin_clzll(ns);
    return (power - 10) * 8 + ((unsigned)(ns >> (power - 3)) & 7);
}

/* ps_stall_limit: all in the bucket are shorter than this, in nanoseconds; by an eighth at most */
static inline uint64_t ps_stall_limit(unsigned bucket)
{
    return (uint64_t)(9 + bucket % 8) << (7 + bucket / 8);
}

/*
 * ps_stall_quantile: of so many percent of the stalls each was shorter than this, in nanoseconds
 *
 * The limit of a bucket: too high by an eighth at most, and never too low, but for stalls of more
 * than 18 minutes. 0 where there was none.
 */
static inline uint64_t ps_stall_quantile(const uint64_t times[PS_STALL_BUCKETS], unsigned percent)
{
    uint64_t all = 0, seen = 0;

    for (unsigned i = 0; i < PS_STALL_BUCKETS; i++)
        all += times[i];
    for (unsigned i = 0; i < PS_STALL_BUCKETS; i++) {
        seen += times[i];
        if (seen > 0 && seen * 100 >= all * percent)
            return ps_stall_limit(i);
    }
    return 0;
}

#ifdef __cplusplus
}
#endif

#endif

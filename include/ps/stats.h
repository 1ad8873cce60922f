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

#define PS_BOARD_MAGIC   0x32647270736270ULL /* "pbsprd2" */
#define PS_BOARD_RECORDS 1024

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
    uint64_t evicted;    /* bytes dropped again, by ps_evict or for PS_MEMORY */
    uint64_t wasted;     /* bytes fetched ahead of streams of accesses that then ended */
};

struct ps_board {
    uint64_t magic;   /* PS_BOARD_MAGIC */
    uint32_t records; /* PS_BOARD_RECORDS; an object beyond them is counted in no record */
    uint32_t dropped; /* objects that found no record */
    struct ps_record record[PS_BOARD_RECORDS];
};

#ifdef __cplusplus
}
#endif

#endif

/*
 * fetch.h: getting blocks, by worker threads
 *
 * Whoever needs blocks claims those that are ABSENT, queues requests for them
 * and, if it wants to, waits until the table says READY. Workers read from
 * the store, write into the image, and move the blocks on. A touch never
 * reads from a store itself: it may be a signal handler, or hold any lock.
 */
#ifndef PS_FETCH_H
#define PS_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include <ps/error.h>

#include "image.h"

/* When a caller that has queued requests itself began: by ps_now_ns, and by ps_fetch_clock. */
struct ps_begun {
    uint64_t ns, clock;
};

/*
 * ps_fetch: make the blocks READY and wait for it
 *
 * begun: from when on the caller waits, and what has failed since then is not
 * tried again; NULL: from now on. Safe in a signal handler, once ps_work_start
 * succeeded in this process. On error (the first block's that failed) err
 * holds the cause.
 */
int ps_fetch(struct ps_image *image, uint64_t first, uint64_t count, const struct ps_begun *begun,
             struct ps_error *err);

enum ps_fetch_reason {
    PS_FETCH_CALL,  /* the caller goes on to wait, and counts its wait itself */
    PS_FETCH_FAULT, /* a thread waits in a touch of memory: the request counts its wait */
    PS_FETCH_AHEAD, /* nobody waits yet: behind all else, and given up when few requests are free */
    PS_FETCH_LEARNED, /* the same, of what an earlier run has noted (learn.h) */
};

/*
 * ps_fetch_start: queue what is not here of the blocks, and return
 *
 * Returns the blocks it looked at: fewer than count when the pool of requests
 * ran empty. Safe in a signal handler.
 */
uint64_t ps_fetch_start(struct ps_image *image, uint64_t first, uint64_t count,
                        enum ps_fetch_reason reason);

/*
 * ps_fetch_now: fetch one block on this thread, if its store never makes it wait
 *
 * True when it became READY by this call, and who touched it was woken. Where
 * not, nothing is lost: ask ps_fetch. Safe in a signal handler.
 */
bool ps_fetch_now(struct ps_image *image, uint64_t block);

/* ps_fetch_now_runs: some thread is in the middle of it */
bool ps_fetch_now_runs(void);
void ps_fetch_now_fork_child(void);

/*
 * ps_fetch_failure: why a block that is FAILED, failed
 *
 * True, with *err filled, when this process fetched it after *since (a value
 * of ps_fetch_clock); false when another process did.
 */
bool ps_fetch_failure(const struct ps_image *image, uint64_t block, uint64_t since,
                      struct ps_error *err);
uint64_t ps_fetch_clock(void);

/* ps_fetch_serves: is the block READY, or has this process a request for it? */
bool ps_fetch_serves(const struct ps_image *image, uint64_t block);

/* How long somebody has waited for a block: since when, by ps_run_ns, and all 0 to begin with. */
struct ps_patience {
    uint64_t since;
    uint64_t began_ms, looked_ms;
};

enum { PS_LOOK_MS = 100 };

/*
 * ps_fetch_expire: fail what somebody has awaited for longer than its deadline and PS_SLACK_MS
 *
 * A store has that for its own word of why. For who waits, now and then; false: there is nothing
 * to come back for. Safe in a signal handler.
 */
bool ps_fetch_expire(void);
enum { PS_SLACK_MS = 2000 };

/*
 * ps_fetch_await: somebody has waited for the block since then
 *
 * What serves it by now may have been begun for nobody, after the wait began: it
 * has a deadline from now on. Safe in a signal handler.
 */
void ps_fetch_await(const struct ps_image *image, uint64_t block, uint64_t since);

/* ps_fetch_has: has this process a request for the block? With ps_fetch_lock held. */
bool ps_fetch_has(const struct ps_image *image, uint64_t block);

/*
 * ps_fetch_look: for who waits for a block that is LOADING, at least every PS_LOOK_MS
 *
 * Where its owner has ended, or a lease has gone by, it becomes ABSENT again:
 * the caller asks for it anew. Safe in a signal handler.
 */
void ps_fetch_look(struct ps_image *image, uint64_t block, struct ps_patience *patience);

/* --- for the workers (work.c) --- */

enum { PS_RUNS = 8 };

struct ps_run {
    uint64_t first, count;
};

struct ps_request {
    struct ps_image *image;
    struct ps_run run[PS_RUNS]; /* blocks that it has claimed; what is between is read in vain */
    unsigned runs;
    bool ahead;        /* nobody asked for it yet */
    bool learned;      /* it is noted already */
    bool taken;        /* by a worker */
    bool background;   /* it runs, and nobody waited for it when it was taken */
    bool awaited;      /* somebody waits for it, and for nothing before it */
    uint64_t fault_ns; /* when a thread began to wait in a touch; 0: none does */
    uint64_t deadline; /* of the wait, in ns; 0: none */
    /* what it counts from, by ps_run_ns: when somebody began to wait, or else a worker took it */
    _Atomic uint64_t clock;
    struct ps_request *next;
    enum {
        PS_REQUEST_FREE,
        PS_REQUEST_QUEUED,
        PS_REQUEST_RUNNING,
        PS_REQUEST_LANDED, /* its worker knows how it ended */
        PS_REQUEST_LATE,   /* it was failed at its deadline; where a worker is at it, in vain */
    } state;
};

/*
 * ps_fetch_take: the next request, or NULL
 *
 * None that nobody waits for where most_ahead of those are under way: a store
 * that does not answer would have all workers. And none of a store that is asked
 * for as much at once as its URL allows. *is_idle: nothing is queued at all.
 */
struct ps_request *ps_fetch_take(uint32_t most_ahead, bool *is_idle);

/* ps_fetch_read: its bytes, all from the first block to the last, into buffer; err: whether it
 * failed, also where its backend says nothing */
void ps_fetch_read(struct ps_request *request, void *buffer, struct ps_error *err);

/*
 * ps_fetch_publish: write them into the image, or fail, if *failed says so; true: all its blocks
 * are READY
 *
 * Its blocks are the caller's. Safe in a signal handler.
 */
bool ps_fetch_publish(const struct ps_request *request, const char *buffer,
                      const struct ps_error *failed);

/* ps_fetch_perform: both, and release the request; buffer holds PS_REQUEST_MAX bytes */
void ps_fetch_perform(struct ps_request *request, void *buffer);

/* ps_fetch_fork_child: in the child, while all locks of lock.h are still held */
void ps_fetch_fork_child(void);

#endif

/*
 * lock.h: a mutex and a wait that a signal handler may use
 *
 * A toucher may be a signal handler that interrupted anything, so the fetch
 * path can use no pthread mutex: its owner might be the very thread that was
 * interrupted. ps_lock blocks all signals of the thread while it is held, so
 * no handler can run into a lock of its own thread.
 *
 * Rank of the locks, lowest first; a thread takes them in this order only:
 *     1 engine    its choice (engine/engine.c)
 *     2 evict     dropping blocks, against forks (evict.c)
 *     3 objects   the list of images (object.c)
 *     4 regions   writers of the list of lazy memory (region.c)
 *     5 fetch     requests and the queue (fetch.c)
 *     6 failed    pages whose bytes can't be had (engine/fail.c)
 *     7 action    the program's handlers of SIGSEGV and SIGBUS (engine/fault_action.c)
 *     8 memory    what is in memory, in the order in which it goes (memory.c)
 *     9 work      the first worker, and calls that wait for one (work.c)
 * Debug builds (-DPS_DEBUG) check it at every lock.
 */
#ifndef PS_LOCK_H
#define PS_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum ps_lock_rank {
    PS_RANK_ENGINE = 1,
    PS_RANK_EVICT,
    PS_RANK_OBJECTS,
    PS_RANK_REGIONS,
    PS_RANK_FETCH,
    PS_RANK_FAILED,
    PS_RANK_ACTION,
    PS_RANK_MEMORY,
    PS_RANK_WORK
};

/*
 * ps_signals_block, ps_signals_restore: no signal handler of the program runs
 * on this thread in between
 *
 * They nest, as do locks in them; only the outermost pair asks the kernel, and
 * *mask is its alone.
 */
void ps_signals_block(uint64_t *mask);
void ps_signals_restore(const uint64_t *mask);

/* ps_signals_none: the thread is libps's, and has them blocked for good */
void ps_signals_none(void);

struct ps_lock {
    _Atomic uint32_t word; /* 0 free, 1 held, 2 held and somebody waits */
    uint32_t rank;
};

#define PS_LOCK(rank_)                                                                             \
    {                                                                                              \
        .rank = (rank_)                                                                            \
    }

/*
 * All but the last, for a child has no calls that wait. A fork takes them all, in this order
 * (fork.c).
 */
extern struct ps_lock ps_engine_lock, ps_evict_lock, ps_objects_lock, ps_regions_lock,
    ps_fetch_lock, ps_failed_lock, ps_action_lock, ps_memory_lock;

/* ps_lock: take the lock, with ps_signals_block; *mask is for ps_unlock */
void ps_lock(struct ps_lock *lock, uint64_t *mask);
void ps_unlock(struct ps_lock *lock, const uint64_t *mask);

/* ps_lock_reset: in the child of a fork, where the holder's thread does not exist */
void ps_lock_reset(struct ps_lock *lock);

/*
 * ps_wait: sleep while *word is value, at most ms milliseconds (0: no limit)
 *
 * May wake for no reason. shared: other processes may wake the sleeper.
 */
void ps_wait(_Atomic uint32_t *word, uint32_t value, unsigned ms, bool shared);
void ps_wake(_Atomic uint32_t *word, int count, bool shared);

#endif

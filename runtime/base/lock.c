/* lock.c: see lock.h. The mutex is the second one of Drepper, "Futexes Are Tricky". */
#include "base/lock.h"

#include <linux/futex.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>

#include "base/sys.h"

#ifdef PS_DEBUG
static __thread uint32_t held; /* a bit for each rank that this thread holds */

static void rank_taken(uint32_t rank)
{
    if (held >> rank)
        __builtin_trap(); /* a lock of this rank or a higher one is held */
    held |= 1U << rank;
}

static void rank_released(uint32_t rank)
{
    held &= ~(1U << rank);
}
#else
static void rank_taken(uint32_t rank)
{
    (void)rank;
}

static void rank_released(uint32_t rank)
{
    (void)rank;
}
#endif

/* How many pairs of ps_signals_block this thread is in. Handlers never see but 0: they are blocked.
 */
static __thread unsigned blocked __attribute__((tls_model("initial-exec")));

void ps_signals_block(uint64_t *mask)
{
    uint64_t all = ~UINT64_C(0);

    if (blocked == 0)
        sys_sigmask(SIG_BLOCK, &all, mask);
    blocked++;
}

void ps_signals_restore(const uint64_t *mask)
{
    if (--blocked == 0)
        sys_sigmask(SIG_SETMASK, mask, NULL);
}

void ps_signals_none(void)
{
    blocked++;
}

void ps_wait(_Atomic uint32_t *word, uint32_t value, unsigned ms, bool shared)
{
    struct timespec limit = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    sys_futex(word, shared ? FUTEX_WAIT : FUTEX_WAIT_PRIVATE, value, ms ? &limit : NULL);
}

void ps_wake(_Atomic uint32_t *word, int count, bool shared)
{
    sys_futex(word, shared ? FUTEX_WAKE : FUTEX_WAKE_PRIVATE, (uint32_t)count, NULL);
}

void ps_lock(struct ps_lock *lock, uint64_t *mask)
{
    uint32_t free = 0;

    ps_signals_block(mask);
    rank_taken(lock->rank);
    if (atomic_compare_exchange_strong_explicit(&lock->word, &free, 1, memory_order_acquire,
                                                memory_order_relaxed))
        return;
    while (atomic_exchange_explicit(&lock->word, 2, memory_order_acquire) != 0)
        ps_wait(&lock->word, 2, 0, false);
}

void ps_unlock(struct ps_lock *lock, const uint64_t *mask)
{
    rank_released(lock->rank);
    if (atomic_exchange_explicit(&lock->word, 0, memory_order_release) == 2)
        ps_wake(&lock->word, 1, false);
    ps_signals_restore(mask);
}

void ps_lock_reset(struct ps_lock *lock)
{
    rank_released(lock->rank);
    atomic_store_explicit(&lock->word, 0, memory_order_relaxed);
}

/* work.c: see work.h */
#include "work.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "base/guard.h"
#include "base/lock.h"
#include "base/sys.h"
#include "engine/engine.h"
#include "fetch.h"
#include "fork.h"
#include "learn.h"
#include "object.h"

/* KEPT: of them, for those who wait: for an open, or for another store's bytes */
enum { WORKERS = 8, KEPT = 2, STACK_SIZE = 512 << 10, LINGER_MS = 100 };

static _Atomic uint32_t workers;                /* threads that exist */
static _Atomic uint32_t workers_most = WORKERS; /* each may hold a request of memory more */
static _Atomic uint32_t idle;                   /* of them, those that sleep or are about to */
static _Atomic uint32_t work_count;             /* changes whenever there is something to do */

/* Protects calls and holds, the start of the first worker and the end of the last. */
static struct ps_lock work_lock = PS_LOCK(PS_RANK_WORK);
/* That wait for a worker; last in, first out: there is hardly ever more than one. */
static struct ps_call *calls;
static uint32_t holds; /* by those who need a worker that is there to stay there */

int ps_work_thread(void *(*body)(void *), void *argument, struct ps_error *err)
{
    /* all but 32 and 33, by which glibc cancels threads and has all of them change their user */
    uint64_t all = ~(UINT64_C(3) << 31), mask;
    pthread_attr_t attributes;
    pthread_t thread;
    int result;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    /* the thread inherits the mask: a signal of the program must never be handled on it */
    sys_sigmask(SIG_SETMASK, &all, &mask);
    ps_guard_enter();
    result = pthread_create(&thread, &attributes, body, argument);
    if (result == EINVAL) { /* a program with much thread-local data: its own default then */
        pthread_attr_destroy(&attributes);
        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        result = pthread_create(&thread, &attributes, body, argument);
    }
    ps_guard_leave();
    sys_sigmask(SIG_SETMASK, &mask, NULL);
    pthread_attr_destroy(&attributes);
    if (result != 0)
        return ps_error_set(err, PS_E_NOMEM, result, "can't start a thread");
    return 0;
}

static void *worker(void *buffer);

/* The buffer comes first: a worker without one could serve nobody who waits for it. */
static int start_worker(struct ps_error *err)
{
    /* untouched pages of it cost nothing; a thread that serves calls only never touches it */
    void *buffer = sys_mmap(NULL, PS_REQUEST_MAX, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int result;

    if (is_sys_error(buffer))
        return ps_error_set(err, PS_E_NOMEM, (int)-(long)buffer, "no buffer to fetch into");
    result = ps_work_thread(worker, buffer, err);
    if (result < 0)
        sys_munmap(buffer, PS_REQUEST_MAX);
    return result;
}

/*
 * Called by a worker that is about to wait for a store: one more, unless one is
 * free. A store that is slow, or does not answer, then keeps nobody from another.
 */
static void grow(void)
{
    uint32_t count = atomic_load(&workers);

    if (atomic_load(&idle) > 0 ||
        count >= atomic_load_explicit(&workers_most, memory_order_relaxed) ||
        !atomic_compare_exchange_strong(&workers, &count, count + 1))
        return;
    if (start_worker(NULL) < 0)
        atomic_fetch_sub(&workers, 1);
}

static bool run_call(void)
{
    struct ps_call *call;
    uint64_t mask;

    ps_lock(&work_lock, &mask);
    call = calls;
    if (call != NULL)
        calls = call->next;
    ps_unlock(&work_lock, &mask);
    if (call == NULL)
        return false;
    grow();
    call->result = call->function(call);
    /* once done is set the call may be gone; a wake-up of its old address then reaches nobody */
    atomic_store(&call->done, 1);
    ps_wake(&call->done, 1, false);
    return true;
}

/*
 * Is nothing left that needs a worker? In a process of one thread the kernel
 * finds descriptors sooner, by a tenth of a small read; so a program that has
 * only got the files of stores themselves is left alone again.
 *
 * No image can come between the look and the end: images are made in calls, and
 * the worker that made one looks again after that. A call that is queued now has
 * either been seen under the lock, or finds no worker and starts one.
 */
static bool ends(void)
{
    uint64_t mask;
    bool nothing;

    if (ps_object_any_lazy())
        return false;
    ps_lock(&work_lock, &mask);
    nothing = calls == NULL && holds == 0;
    if (nothing)
        atomic_fetch_sub(&workers, 1);
    ps_unlock(&work_lock, &mask);
    return nothing;
}

static bool work(void *buffer)
{
    uint32_t most = atomic_load_explicit(&workers_most, memory_order_relaxed);
    struct ps_request *request;
    bool is_idle;

    if (run_call())
        return true;
    request = ps_fetch_take(most - KEPT, &is_idle);
    if (request == NULL)
        return is_idle && ps_learn_start();
    grow();
    ps_fetch_perform(request, buffer);
    return true;
}

static void *worker(void *buffer)
{
    bool lingers = true; /* what it has is given back once after each work */

    ps_guard_enter();
    ps_signals_none();
    prctl(PR_SET_NAME, "ps-worker");
    for (;;) {
        uint32_t seen = atomic_load(&work_count);
        /* after the count, which changes when the first page fails */
        unsigned limit_ms = ps_fail_heal_due();

        if (work(buffer)) {
            lingers = true;
            continue;
        }
        if (limit_ms == 0 && lingers)
            limit_ms = LINGER_MS;
        /* idle first, then sleep on the count: who queues adds to the count, then looks at idle */
        atomic_fetch_add(&idle, 1);
        ps_wait(&work_count, seen, limit_ms, false);
        atomic_fetch_sub(&idle, 1);
        if (lingers && atomic_load(&work_count) == seen) {
            if (ends())
                break;
            sys_madvise(buffer, PS_REQUEST_MAX, MADV_DONTNEED); /* until it is needed again */
            lingers = false;
        }
    }
    sys_munmap(buffer, PS_REQUEST_MAX);
    return NULL;
}

int ps_work_start(struct ps_error *err)
{
    uint64_t mask;
    int result = 0;

    if (atomic_load_explicit(&workers, memory_order_relaxed) > 0)
        return 0;
    /* its parent would wait for ever for a thread that is gone with the child */
    if (!ps_fork_at_home())
        return ps_error_set(err, PS_E_UNSUPPORTED, 0,
                            "a vforked child can't be the first to use a proxy");
    ps_lock(&work_lock, &mask);
    if (atomic_load(&workers) == 0) {
        result = start_worker(err);
        if (result == 0)
            atomic_fetch_add(&workers, 1);
    }
    ps_unlock(&work_lock, &mask);
    return result;
}

static void hold(uint32_t more)
{
    uint64_t mask;

    ps_lock(&work_lock, &mask);
    holds += more;
    ps_unlock(&work_lock, &mask);
}

void ps_work_hold(void)
{
    hold(1);
}

void ps_work_unhold(void)
{
    hold(UINT32_MAX); /* one less */
}

int ps_work_check(struct ps_error *err)
{
    if (atomic_load_explicit(&workers, memory_order_relaxed) > 0)
        return 0;
    return ps_error_set(err, PS_E_NOMEM, EAGAIN, "no thread to fetch with");
}

void ps_work_wake(unsigned requests)
{
    if (requests == 0)
        return;
    atomic_fetch_add(&work_count, 1);
    if (atomic_load(&idle) > 0)
        ps_wake(&work_count, requests < INT_MAX ? (int)requests : INT_MAX, false);
}

void ps_work_allow(uint32_t most)
{
    uint32_t now = atomic_load_explicit(&workers_most, memory_order_relaxed);

    while (now < most && !atomic_compare_exchange_weak(&workers_most, &now, most))
        ;
}

void *ps_work_memory(size_t size)
{
    void *memory = sys_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return is_sys_error(memory) ? NULL : memory;
}

bool ps_work_queue(struct ps_call *call, int (*function)(struct ps_call *))
{
    uint64_t mask;
    bool has_worker;

    call->function = function;
    atomic_store(&call->done, 0);
    ps_lock(&work_lock, &mask);
    has_worker = atomic_load(&workers) > 0;
    if (has_worker) {
        call->next = calls;
        calls = call;
    }
    ps_unlock(&work_lock, &mask);
    if (has_worker)
        ps_work_wake(1);
    return has_worker;
}

int ps_work_call(struct ps_call *call, int (*function)(struct ps_call *), struct ps_error *err)
{
    if (ps_guard_held()) /* a thread of libps already */
        return function(call);
    while (!ps_work_queue(call, function)) { /* there is none yet, or the last one ended just now */
        int result = ps_work_start(err);
        if (result < 0)
            return result;
    }
    while (atomic_load(&call->done) == 0)
        ps_wait(&call->done, 0, 0, false);
    return call->result;
}

void ps_work_fork_child(bool has_maps)
{
    atomic_store(&workers, 0);
    atomic_store(&idle, 0);
    calls = NULL;
    holds = 0;
    ps_lock_reset(&work_lock);
    if (has_maps)
        ps_work_start(NULL);
}

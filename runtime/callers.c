/* callers.c: see callers.h. Runs in signal handlers, and at faults. */
#include "callers.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/lock.h"

/* LOST: nobody waits for it any more, but a worker may still be at it. */
enum state { FREE, TAKEN, LOST };

static _Atomic uint32_t state;
static struct ps_callers_call request;

static bool is_done(void)
{
    return atomic_load(&request.call.done) != 0;
}

static bool take(uint64_t end_ms)
{
    for (;;) {
        uint32_t seen = FREE;
        uint64_t now;

        if (atomic_compare_exchange_strong(&state, &seen, TAKEN))
            return true;
        if (seen == LOST)
            return is_done() && atomic_compare_exchange_strong(&state, &seen, TAKEN);
        now = ps_now_ms();
        if (now >= end_ms)
            return false;
        ps_wait(&state, TAKEN, (unsigned)(end_ms - now), false);
    }
}

static void give_back(enum state now)
{
    atomic_store(&state, now);
    ps_wake(&state, 1, false);
}

/* True: the worker is done with the request, or never got it. */
static bool ask(uint64_t end_ms)
{
    request.text[0] = '\0';
    if (!ps_work_queue(&request.call, ps_callers_find))
        return true;
    for (uint64_t now = ps_now_ms(); !is_done() && now < end_ms; now = ps_now_ms())
        ps_wait(&request.call.done, 0, (unsigned)(end_ms - now), false);
    return is_done();
}

void ps_callers(struct ps_text *text, const struct ps_registers *registers, bool placed)
{
    uint64_t end_ms = ps_now_ms() + PS_CALLERS_MS, mask;

    /* a handler that failed in between would wait for its own thread */
    ps_signals_block(&mask);
    if (take(end_ms)) {
        request.stack.registers = *registers;
        request.placed = placed;
        if (ask(end_ms)) {
            ps_text_add(text, request.text);
            give_back(FREE);
        } else {
            give_back(LOST);
        }
    }
    ps_signals_restore(&mask);
}

void ps_callers_fork_child(void)
{
    if (atomic_load(&state) == FREE)
        return;
    atomic_store(&request.call.done, 0);
    atomic_store(&state, LOST);
}

/* touch.c: see touch.h */
#include "touch.h"

#include "base/clock.h"
#include "fetch.h"
#include "learn.h"
#include "stats.h"
#include "work.h"

/* The end of a backward stream's window is needed first. */
enum { WORKERS_FAR = 16 }; /* each may hold a request of memory more */

static void start_backward(struct ps_image *image, uint64_t first, uint64_t count)
{
    uint64_t most = PS_REQUEST_USUAL / image->table->block_size;

    while (count > 0) {
        uint64_t part = count < most ? count : most;
        ps_fetch_start(image, first + count - part, part, PS_FETCH_AHEAD);
        count -= part;
    }
}

/* After the touch's own request, so that it is behind it in the queue. */
static void look_ahead(struct ps_image *image, const struct ps_access *access)
{
    struct ps_ahead_plan plan;
    uint64_t unused;
    bool more;

    if (ps_table_complete(image->table))
        return;
    /* what is on its way as an earlier run foretold it needs no guesses; their bytes would be
     * noted, too, and each run would fetch more than the one before */
    if (!access->is_missed && ps_learn_foretells(image))
        return;
    more = ps_ahead_access(&image->ahead, access, image->table->blocks, image->table->block_size,
                           &plan);
    unused = atomic_exchange_explicit(&image->ahead.unused, 0, memory_order_relaxed);
    if (unused > 0)
        ps_stats_count(&image->record->wasted, unused * image->table->block_size);
    if (!more)
        return;
    if (plan.is_far)
        ps_work_allow(WORKERS_FAR);
    if (plan.backward)
        start_backward(image, plan.first, plan.count);
    else
        for (uint64_t i = 0; i < plan.times; i++, plan.first += (uint64_t)plan.stride)
            ps_fetch_start(image, plan.first, plan.count, PS_FETCH_AHEAD);
}

bool ps_touch_now(struct ps_image *image, uint64_t block, enum ps_advice advice)
{
    if (!ps_fetch_now(image, block))
        return false;
    look_ahead(image, &(struct ps_access){block, 1, advice, true});
    return true;
}

bool ps_touch_start(struct ps_image *image, uint64_t first, uint64_t count, enum ps_advice advice)
{
    struct ps_access access = {first, count, advice,
                               ps_table_any_absent(image->table, first, count)};
    bool queued = ps_fetch_start(image, first, count, PS_FETCH_FAULT) == count;

    look_ahead(image, &access);
    return queued && ps_fetch_serves(image, first);
}

int ps_touch(struct ps_image *image, uint64_t first, uint64_t count, enum ps_advice advice,
             uint64_t *failed, struct ps_error *err)
{
    bool ready = ps_table_all_ready(image->table, first, count);
    struct ps_access access = {first, count, advice,
                               !ready && ps_table_any_absent(image->table, first, count)};
    struct ps_begun begun = {0, ps_fetch_clock()}; /* before a request of this can fail */
    int result = 0;

    if (!ready && !(count == 1 && ps_fetch_now(image, first))) {
        result = ps_work_check(err);
        if (result < 0) { /* what is claimed stays LOADING: nothing of this may be queued */
            if (failed != NULL)
                *failed = first;
            return result;
        }
        /* before a worker can be at it: else the wait would look shorter */
        begun.ns = ps_now_ns();
        ps_fetch_start(image, first, count, PS_FETCH_CALL);
    }
    look_ahead(image, &access);
    result = ps_fetch(image, first, count, &begun, err);
    if (result < 0 && failed != NULL)
        for (*failed = first;
             *failed + 1 < first + count && ps_table_state(image->table, *failed) == PS_BLOCK_READY;
             ++*failed)
            ;
    return result;
}

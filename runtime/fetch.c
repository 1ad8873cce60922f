/* fetch.c: claims and waits; see fetch.h */
#include "fetch.h"

#include "base/clock.h"
#include "base/lock.h"
#include "handle.h"
#include "profile.h"
#include "requests.h"
#include "stats.h"
#include "work.h"

/* A touch needs a block that was only looked ahead to: its request jumps the queue; false: none. */
static bool promote(const struct ps_image *image, uint64_t block, uint64_t fault_ns)
{
    for (struct ps_request *at = ps_requests_ahead(); at != NULL; at = at->next) {
        if (!ps_request_covers(at, image, block))
            continue;
        at->fault_ns = fault_ns;
        ps_request_hasten(at);
        return true;
    }
    return false;
}

/*
 * Somebody waits for the first of these blocks, has done so since then, and will
 * for the others. What is on its way for it is awaited from now on: its deadline
 * counts from the first who waits, and a failure is told. The clocks of those for
 * which nobody waits yet begin anew. With the lock. Returns how many it has taken
 * out of look_ahead, where they might have been left.
 */
static unsigned await(const struct ps_image *image, uint64_t first, uint64_t count, uint64_t since)
{
    unsigned left = ps_requests_used(), hastened = 0;

    for (struct ps_request *at = ps_requests; left > 0; at++) {
        left -= at->state != PS_REQUEST_FREE;
        if (at->awaited || !ps_request_is_under_way(at) || at->image != image)
            continue;
        if (ps_request_covers(at, image, first)) {
            if (at->ahead && at->state == PS_REQUEST_QUEUED) {
                ps_request_hasten(at);
                hastened++;
            }
            at->ahead = false;
            at->awaited = true;
            atomic_store(&at->clock, since);
        } else if (!at->ahead && at->run[0].first >= first && at->run[0].first - first < count) {
            atomic_store(&at->clock, since);
        }
    }
    return hastened;
}

/*
 * May one request bring this run, too? A hole may be half as long as what is
 * around it: to read what is here already is cheaper than to ask twice.
 */
static bool bridge(struct ps_request *request, const struct ps_run *run, uint64_t most)
{
    const struct ps_run *last = &request->run[request->runs - 1];
    uint64_t hole = run->first - (last->first + last->count);

    if (hole == 0 || hole > (last->count + run->count) / 2 || request->runs == PS_RUNS ||
        run->first + run->count - request->run[0].first > most)
        return false;
    request->run[request->runs++] = *run;
    return true;
}

/* Does the run begin where the request ends, or end where it begins? */
static bool extend(struct ps_request *request, const struct ps_run *run, uint64_t most)
{
    struct ps_run *head = &request->run[0], *tail = &request->run[request->runs - 1];
    uint64_t end = tail->first + tail->count;
    bool follows = run->first == end, precedes = run->first + run->count == head->first;

    if ((!follows && !precedes) || end - head->first + run->count > most)
        return false;
    if (precedes)
        head->first = run->first;
    (follows ? tail : head)->count += run->count;
    return true;
}

/* What earlier calls have looked ahead to, and no worker has come to: which brings this run, too?
 */
static struct ps_request *neighbour(const struct ps_image *image, const struct ps_run *run,
                                    enum ps_fetch_reason reason, uint64_t most)
{
    struct ps_request *at = ps_request_is_ahead(reason) ? ps_requests_ahead() : NULL;

    while (at != NULL && !(at->image == image && at->learned == (reason == PS_FETCH_LEARNED) &&
                           extend(at, run, most)))
        at = at->next;
    return at;
}

/* How many blocks one request may bring, of so many */
static uint64_t request_blocks(struct ps_image *image, uint64_t count, enum ps_fetch_reason reason)
{
    uint64_t block_size = image->table->block_size, most = ps_handle_flow(image->handle)->size;
    /* what was learned is fetched by few requests: nobody waits for it */
    uint64_t bytes = reason == PS_FETCH_LEARNED
                         ? PS_REQUEST_USUAL
                         : ps_ahead_request(&image->ahead, count * block_size);

    if (bytes > most)
        bytes = most;
    return bytes > block_size ? bytes / block_size : 1;
}

/* Of all blocks that are wanted; since: when who wants them began to wait for the first. */
static uint64_t start(struct ps_image *image, uint64_t first, uint64_t count, uint64_t all,
                      enum ps_fetch_reason reason, uint64_t since)
{
    struct ps_table *table = image->table;
    uint64_t most = request_blocks(image, count, reason), block = first, mask;
    struct ps_request *last = NULL; /* that brings some of it; under the lock, nobody takes it */
    unsigned made = 0;

    ps_lock(&ps_fetch_lock, &mask);
    if (!ps_requests_started())
        ps_requests_begin();
    while (block < first + count && ps_requests_left(reason) > 0) {
        uint64_t left = first + count - block;
        struct ps_run run = {block,
                             ps_table_claim(table, block, left < most ? left : most, image->owner)};
        if (run.count > 0 && (last == NULL || !bridge(last, &run, most))) {
            last = neighbour(image, &run, reason, most);
            if (last == NULL) {
                last = ps_request_new(image, &run, reason, since);
                made++;
            }
        } else if (run.count == 0 && !ps_request_is_ahead(reason) && ps_requests_ahead() != NULL &&
                   ps_table_state(table, block) == PS_BLOCK_LOADING) {
            made += promote(image, block, reason == PS_FETCH_FAULT ? ps_now_ns() : 0);
        }
        block += run.count > 0 ? run.count : 1;
    }
    if (!ps_request_is_ahead(reason))
        made += await(image, first, all, since);
    ps_unlock(&ps_fetch_lock, &mask);
    ps_work_wake(made);
    return block - first;
}

uint64_t ps_fetch_start(struct ps_image *image, uint64_t first, uint64_t count,
                        enum ps_fetch_reason reason)
{
    return start(image, first, count, count, reason, ps_run_ns());
}

void ps_fetch_await(const struct ps_image *image, uint64_t block, uint64_t since)
{
    unsigned hastened = 0;
    uint64_t mask;

    ps_lock(&ps_fetch_lock, &mask);
    if (ps_requests_started())
        hastened = await(image, block, 1, since);
    ps_unlock(&ps_fetch_lock, &mask);
    ps_work_wake(hastened);
}

bool ps_fetch_has(const struct ps_image *image, uint64_t block)
{
    for (int i = 0; i < PS_REQUESTS; i++)
        if (ps_request_covers(&ps_requests[i], image, block))
            return true;
    return false;
}

bool ps_fetch_serves(const struct ps_image *image, uint64_t block)
{
    bool serves;
    uint64_t mask;

    ps_lock(&ps_fetch_lock, &mask);
    /* also by its owner: a request that is done stays a request until its worker gives it back */
    serves = ps_table_state(image->table, block) == PS_BLOCK_READY ||
             (image->owner != 0 && ps_table_owner(image->table, block) == image->owner &&
              ps_fetch_has(image, block));
    ps_unlock(&ps_fetch_lock, &mask);
    return serves;
}

/* --- waiting ---------------------------------------------------------------- */

/* Wait for one block: READY, FAILED (by whichever process), or ABSENT: to be started again. */
static enum ps_block_state wait_block(struct ps_image *image, uint64_t block, uint64_t since)
{
    struct ps_patience patience = {.since = since};

    for (;;) {
        enum ps_block_state state = ps_table_state(image->table, block);
        if (state != PS_BLOCK_LOADING)
            return state;
        ps_fetch_look(image, block, &patience);
        ps_table_wait(image->table, block, PS_LOOK_MS);
    }
}

static int fetch_block(struct ps_image *image, uint64_t block, uint64_t last, uint64_t since,
                       struct ps_error *err)
{
    enum { IN_FLIGHT = 16 };
    uint64_t most = (uint64_t)IN_FLIGHT * PS_REQUEST_USUAL / image->table->block_size;
    uint64_t began = ps_run_ns();
    enum ps_block_state state = ps_table_state(image->table, block);

    for (;;) {
        uint64_t count = last - block + 1 < most ? last - block + 1 : most;
        uint32_t seen = ps_requests_returned();

        if (state == PS_BLOCK_FAILED && ps_fetch_failure(image, block, since, err))
            return err != NULL ? err->code : PS_E_SYSTEM;
        /* or evicted meanwhile, or another process failed: this one tries for itself */
        if (start(image, block, count, last - block + 1, PS_FETCH_CALL, began) == 0) {
            ps_requests_await(seen); /* the pool is empty: some request will end */
            ps_fetch_expire();
            state = ps_table_state(image->table, block);
            continue;
        }
        state = wait_block(image, block, began);
        if (state == PS_BLOCK_READY)
            return 0;
    }
}

int ps_fetch(struct ps_image *image, uint64_t first, uint64_t count, const struct ps_begun *begun,
             struct ps_error *err)
{
    uint64_t since = begun != NULL ? begun->clock : ps_fetch_clock();
    uint64_t began = begun != NULL ? begun->ns : 0;
    int result = ps_table_all_ready(image->table, first, count) ? 0 : ps_work_check(err);
    bool waited = false;

    for (uint64_t block = first; block < first + count && result == 0; block++) {
        if (ps_table_state(image->table, block) == PS_BLOCK_READY)
            continue;
        if (!waited && began == 0)
            began = ps_now_ns();
        waited = true;
        result = fetch_block(image, block, first + count - 1, since, err);
    }
    if (waited) {
        ps_stats_stall(image->record, ps_now_ns() - began);
        ps_profile_waited(image, first, count, began);
    }
    return result;
}

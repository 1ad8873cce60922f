/* fetch.c: claims, requests and waits; see fetch.h */
#include "fetch.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/sys.h"
#include "base/text.h"
#include "handle.h"
#include "profile.h"
#include "stats.h"
#include "work.h"

enum { REQUESTS = 512, RESERVED = 128 /* of them, not for looking ahead */ };

struct queue {
    struct ps_request *first, *last;
};

/* Protects the pool, both queues, background, and the failures (fetch_carry.c). */
struct ps_lock ps_fetch_lock = PS_LOCK(PS_RANK_FETCH);
static struct ps_request pool[REQUESTS];
static struct ps_request *free_requests;
static unsigned free_count;
static bool pool_ready;
static struct queue demand, look_ahead;
static uint32_t background;       /* requests that run, and were taken from look_ahead */
static _Atomic uint32_t released; /* counts requests given back: who found the pool empty waits */

static void pool_init(void)
{
    free_requests = NULL;
    for (int i = REQUESTS - 1; i >= 0; i--) {
        pool[i].state = PS_REQUEST_FREE;
        pool[i].next = free_requests;
        free_requests = &pool[i];
    }
    free_count = REQUESTS;
    background = 0;
    demand = look_ahead = (struct queue){NULL, NULL};
    pool_ready = true;
}

static void push(struct queue *queue, struct ps_request *request)
{
    request->next = NULL;
    if (queue->last != NULL)
        queue->last->next = request;
    else
        queue->first = request;
    queue->last = request;
}

/* On its way, with what it brings not here yet: others may still come to wait for it. */
static bool is_under_way(const struct ps_request *request)
{
    return request->state == PS_REQUEST_QUEUED || request->state == PS_REQUEST_RUNNING;
}

static bool covers(const struct ps_request *request, const struct ps_image *image, uint64_t block)
{
    if (request->state == PS_REQUEST_FREE || request->image != image)
        return false;
    for (unsigned i = 0; i < request->runs; i++)
        if (block >= request->run[i].first && block - request->run[i].first < request->run[i].count)
            return true;
    return false;
}

static void take_out(struct queue *queue, struct ps_request *request)
{
    struct ps_request *before = NULL;

    for (struct ps_request *at = queue->first; at != request; at = at->next)
        before = at;
    if (before != NULL)
        before->next = request->next;
    else
        queue->first = request->next;
    if (queue->last == request)
        queue->last = before;
}

/* Of look_ahead, where all are ahead, to demand, where none is */
static void hasten(struct ps_request *request)
{
    take_out(&look_ahead, request);
    request->ahead = false;
    push(&demand, request);
}

/* A touch needs a block that was only looked ahead to: its request jumps the queue; false: none. */
static bool promote(const struct ps_image *image, uint64_t block, uint64_t fault_ns)
{
    for (struct ps_request *at = look_ahead.first; at != NULL; at = at->next) {
        if (!covers(at, image, block))
            continue;
        at->fault_ns = fault_ns;
        hasten(at);
        return true;
    }
    return false;
}

static bool is_ahead(enum ps_fetch_reason reason)
{
    return reason == PS_FETCH_AHEAD || reason == PS_FETCH_LEARNED;
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
    unsigned left = REQUESTS - free_count, hastened = 0;

    for (struct ps_request *at = pool; left > 0; at++) {
        left -= at->state != PS_REQUEST_FREE;
        if (at->awaited || !is_under_way(at) || at->image != image)
            continue;
        if (covers(at, image, first)) {
            if (at->ahead && at->state == PS_REQUEST_QUEUED) {
                hasten(at);
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

static struct ps_request *request_new(struct ps_image *image, const struct ps_run *run,
                                      enum ps_fetch_reason reason, uint64_t since)
{
    struct ps_request *request = free_requests;

    free_requests = request->next;
    free_count--;
    ps_image_get(image);
    request->image = image;
    request->run[0] = *run;
    request->runs = 1;
    request->fault_ns = reason == PS_FETCH_FAULT ? ps_now_ns() : 0;
    request->ahead = is_ahead(reason);
    request->learned = reason == PS_FETCH_LEARNED;
    request->taken = request->background = request->awaited = false;
    request->deadline = ps_handle_deadline(image->handle);
    atomic_store(&request->clock, since);
    request->state = PS_REQUEST_QUEUED;
    push(is_ahead(reason) ? &look_ahead : &demand, request);
    return request;
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
    struct ps_request *last = NULL; /* that this call made: nobody has taken it, under the lock */
    unsigned made = 0;

    ps_lock(&ps_fetch_lock, &mask);
    if (!pool_ready)
        pool_init();
    while (block < first + count && free_count > (is_ahead(reason) ? RESERVED : 0U)) {
        uint64_t left = first + count - block;
        struct ps_run run = {block,
                             ps_table_claim(table, block, left < most ? left : most, image->owner)};
        if (run.count > 0 && (last == NULL || !bridge(last, &run, most))) {
            last = request_new(image, &run, reason, since);
            made++;
        } else if (run.count == 0 && !is_ahead(reason) && look_ahead.first != NULL &&
                   ps_table_state(table, block) == PS_BLOCK_LOADING) {
            made += promote(image, block, reason == PS_FETCH_FAULT ? ps_now_ns() : 0);
        }
        block += run.count > 0 ? run.count : 1;
    }
    if (!is_ahead(reason))
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
    if (pool_ready)
        hastened = await(image, block, 1, since);
    ps_unlock(&ps_fetch_lock, &mask);
    ps_work_wake(hastened);
}

bool ps_fetch_has(const struct ps_image *image, uint64_t block)
{
    for (int i = 0; i < REQUESTS; i++)
        if (covers(&pool[i], image, block))
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

    for (;;) {
        uint64_t count = last - block + 1 < most ? last - block + 1 : most;
        uint32_t seen = atomic_load(&released);
        enum ps_block_state state;

        if (start(image, block, count, last - block + 1, PS_FETCH_CALL, began) == 0) {
            ps_wait(&released, seen, 100, false); /* the pool is empty: some request will end */
            ps_fetch_expire();
            continue;
        }
        state = wait_block(image, block, began);
        if (state == PS_BLOCK_READY)
            return 0;
        if (state == PS_BLOCK_FAILED && ps_fetch_failure(image, block, since, err))
            return err != NULL ? err->code : PS_E_SYSTEM;
        /* evicted meanwhile, or another process failed: this one tries for itself */
    }
}

int ps_fetch(struct ps_image *image, uint64_t first, uint64_t count, uint64_t began,
             struct ps_error *err)
{
    uint64_t since = ps_fetch_clock();
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

/* --- the workers' side ------------------------------------------------------- */

/* The first whose store may be asked for more; with the lock. */
static struct ps_request *take_from(struct queue *queue)
{
    struct ps_request *at = queue->first;

    while (at != NULL && !ps_flow_has_room(ps_handle_flow(at->image->handle), at->ahead))
        at = at->next;
    if (at == NULL)
        return NULL;
    take_out(queue, at);
    ps_handle_flow(at->image->handle)->running++;
    at->taken = true;
    return at;
}

struct ps_request *ps_fetch_take(uint32_t most_ahead, bool *is_idle)
{
    struct ps_request *request;
    uint64_t mask;

    ps_lock(&ps_fetch_lock, &mask);
    *is_idle = demand.first == NULL && look_ahead.first == NULL;
    request = take_from(&demand);
    if (request == NULL && background < most_ahead) {
        request = take_from(&look_ahead);
        if (request != NULL) {
            request->background = true;
            background++;
        }
    }
    if (request != NULL) {
        request->state = PS_REQUEST_RUNNING;
        if (request->ahead) /* nobody has waited while it was queued */
            atomic_store(&request->clock, ps_run_ns());
    }
    ps_unlock(&ps_fetch_lock, &mask);
    return request;
}

/* What it brings is here, or will not come. False: its blocks have failed already. */
static bool land(struct ps_request *request)
{
    bool is_in_time;
    uint64_t mask;

    ps_lock(&ps_fetch_lock, &mask);
    is_in_time = request->state == PS_REQUEST_RUNNING;
    request->state = PS_REQUEST_LANDED;
    ps_unlock(&ps_fetch_lock, &mask);
    return is_in_time;
}

static void request_free(struct ps_request *request)
{
    struct ps_flow *flow = ps_handle_flow(request->image->handle);
    bool was_limited = flow->parallel != 0 && request->taken;
    uint64_t mask;

    ps_lock(&ps_fetch_lock, &mask);
    flow->running -= request->taken;
    ps_image_put(request->image);
    background -= request->background;
    request->state = PS_REQUEST_FREE;
    request->next = free_requests;
    free_requests = request;
    free_count++;
    ps_unlock(&ps_fetch_lock, &mask);
    ps_work_wake(was_limited); /* another may begin, and not by this thread */
    atomic_fetch_add(&released, 1);
    ps_wake(&released, 1, false);
}

void ps_fetch_perform(struct ps_request *request, void *buffer)
{
    uint64_t began = ps_profile_is_on() ? ps_now_ns() : 0;
    struct ps_error error = {0};

    ps_fetch_read(request, buffer, &error);
    if (land(request))
        ps_fetch_publish(request, buffer, &error);
    if (request->ahead || request->fault_ns != 0) /* else who waited will say so */
        for (unsigned i = 0; i < request->runs; i++)
            ps_profile_arrived(request->image, request->run[i].first, request->run[i].count, began,
                               i == 0 ? request->fault_ns : 0);
    if (request->fault_ns != 0)
        ps_stats_stall(request->image->record, ps_now_ns() - request->fault_ns);
    request_free(request);
}

/* --- what does not come in time ------------------------------------------------- */

/* One that is too late is the caller's, who fails its blocks; with the lock. NULL: none is. */
static struct ps_request *find_late(bool *any)
{
    const uint64_t slack = UINT64_C(1000000) * PS_SLACK_MS;
    uint64_t now = ps_run_ns();

    *any = false;
    for (struct ps_request *at = pool; at < pool + REQUESTS; at++) {
        if (!is_under_way(at) || !at->awaited || at->deadline == 0)
            continue;
        *any = true;
        if (now > atomic_load(&at->clock) + at->deadline + slack)
            return at;
    }
    return NULL;
}

/* Perhaps in a handler, where ps_error_set may not be called. */
static struct ps_error late_error(uint64_t deadline)
{
    struct ps_error error = {.code = PS_E_UNAVAILABLE, .sys_errno = ETIMEDOUT};
    struct ps_text text = ps_text_begin(error.message, sizeof(error.message));

    ps_text_add(&text, "nothing came within ");
    ps_text_number(&text, deadline / 1000000);
    ps_text_add(&text, " ms");
    return error;
}

/* Where a worker is at it, that will give it back. */
static bool fail_late(bool *any)
{
    struct ps_request late = {.learned = true}, *found;
    struct ps_error error = {0};
    bool is_queued;
    uint64_t mask;

    ps_lock(&ps_fetch_lock, &mask);
    found = find_late(any);
    if (found == NULL) {
        ps_unlock(&ps_fetch_lock, &mask);
        return false;
    }
    is_queued = found->state == PS_REQUEST_QUEUED;
    if (is_queued)
        take_out(&demand, found);
    found->state = PS_REQUEST_LATE;
    late.image = found->image;
    late.runs = found->runs;
    memcpy(late.run, found->run, sizeof(late.run));
    ps_image_get(late.image);
    error = late_error(found->deadline);
    ps_unlock(&ps_fetch_lock, &mask);
    ps_fetch_publish(&late, NULL, &error);
    ps_image_put(late.image);
    if (is_queued)
        request_free(found);
    return true;
}

bool ps_fetch_expire(void)
{
    bool any = false;

    while (pool_ready && fail_late(&any))
        ;
    return any;
}

/* --- fork -------------------------------------------------------------------- */

/* The parent's workers end the parent's requests, for both; the child begins with none. */
void ps_fetch_fork_child(void)
{
    ps_fetch_now_fork_child();
    if (!pool_ready)
        return;
    for (int i = 0; i < REQUESTS; i++)
        if (pool[i].state != PS_REQUEST_FREE) {
            ps_handle_flow(pool[i].image->handle)->running = 0;
            ps_image_put(pool[i].image);
        }
    pool_init();
}

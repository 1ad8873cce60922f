/* fetch.c: claims, requests and waits; see fetch.h */
#include "fetch.h"

#include "base/clock.h"
#include "base/lock.h"
#include "base/sys.h"
#include "digest.h"
#include "handle.h"
#include "join.h"
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

enum { SPARES = 8, SPARE_SIZE = 64 << 10 };

/* Buffers for ps_fetch_now: a handler's stack may have no room for one. */
static char spares[SPARES][SPARE_SIZE];
static _Atomic uint32_t spares_taken; /* a bit for each */

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

static struct ps_request *pop(struct queue *queue)
{
    struct ps_request *request = queue->first;

    if (request != NULL) {
        queue->first = request->next;
        if (queue->first == NULL)
            queue->last = NULL;
    }
    return request;
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

/* A touch needs a block that was only looked ahead to: its request jumps the queue; false: none. */
static bool promote(const struct ps_image *image, uint64_t block, uint64_t fault_ns)
{
    struct ps_request *before = NULL;

    for (struct ps_request *at = look_ahead.first; at != NULL; before = at, at = at->next) {
        if (!covers(at, image, block))
            continue;
        if (before != NULL)
            before->next = at->next;
        else
            look_ahead.first = at->next;
        if (look_ahead.last == at)
            look_ahead.last = before;
        at->ahead = false;
        at->fault_ns = fault_ns;
        push(&demand, at);
        return true;
    }
    return false;
}

static bool is_ahead(enum ps_fetch_reason reason)
{
    return reason == PS_FETCH_AHEAD || reason == PS_FETCH_LEARNED;
}

static struct ps_request *request_new(struct ps_image *image, const struct ps_run *run,
                                      enum ps_fetch_reason reason)
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
    request->background = false;
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

uint64_t ps_fetch_start(struct ps_image *image, uint64_t first, uint64_t count,
                        enum ps_fetch_reason reason)
{
    struct ps_table *table = image->table;
    /* what was learned is fetched by few requests: nobody waits for it */
    uint64_t bytes = reason == PS_FETCH_LEARNED
                         ? PS_REQUEST_USUAL
                         : ps_ahead_request(&image->ahead, count * table->block_size);
    uint64_t most = bytes / table->block_size, block = first, mask;
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
            last = request_new(image, &run, reason);
            made++;
        } else if (run.count == 0 && !is_ahead(reason) && look_ahead.first != NULL &&
                   ps_table_state(table, block) == PS_BLOCK_LOADING) {
            made += promote(image, block, reason == PS_FETCH_FAULT ? ps_now_ns() : 0);
        }
        block += run.count > 0 ? run.count : 1;
    }
    ps_unlock(&ps_fetch_lock, &mask);
    ps_work_wake(made);
    return block - first;
}

static bool has_request(const struct ps_image *image, uint64_t block)
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
              has_request(image, block));
    ps_unlock(&ps_fetch_lock, &mask);
    return serves;
}

/* An owner that ends leaves all that it had in flight, its look-ahead too. */
static void give_back_near(struct ps_image *image, uint64_t block, unsigned owner)
{
    enum { NEAR = 4096 };
    uint64_t first = block < NEAR ? 0 : block - NEAR, left = image->table->blocks - first;

    ps_table_set(image->table, first, left < 2 * NEAR ? left : 2 * NEAR, owner, PS_BLOCK_ABSENT);
}

/*
 * From one that lives, but is slow: what is around the block may be one request
 * with it. It may still write these blocks, whoever they belong to by then: so
 * nothing of the image is ever dropped again.
 */
static void give_back_run(struct ps_image *image, uint64_t block, unsigned owner)
{
    struct ps_table *table = image->table;
    uint64_t most = PS_REQUEST_MAX / table->block_size, first = block, end = block;

    while (first > 0 && block - first < most &&
           ps_table_state(table, first - 1) == PS_BLOCK_LOADING)
        first--;
    while (end < table->blocks && end - block < most &&
           ps_table_state(table, end) == PS_BLOCK_LOADING)
        end++;
    if (end == block || ps_table_owner(table, block) != owner)
        return; /* it has moved on just now */
    atomic_store(&table->unseen, 1);
    ps_table_set(table, first, end - first, owner, PS_BLOCK_ABSENT);
}

/*
 * What is LOADING under our own number, and nobody is at: a child has left it
 * whose fork went by without us. Evictions and pages that fail are at theirs,
 * hence the first two locks.
 */
static void give_back_forgotten(struct ps_image *image, uint64_t block)
{
    uint64_t evict_mask, regions_mask, mask;

    ps_lock(&ps_evict_lock, &evict_mask);
    ps_lock(&ps_regions_lock, &regions_mask);
    ps_lock(&ps_fetch_lock, &mask);
    if (!has_request(image, block) && atomic_load(&spares_taken) == 0 &&
        ps_table_state(image->table, block) == PS_BLOCK_LOADING &&
        ps_table_owner(image->table, block) == image->owner) {
        atomic_store(&image->table->unseen, 1); /* as in give_back_run */
        ps_table_set(image->table, block, 1, image->owner, PS_BLOCK_ABSENT);
    }
    ps_unlock(&ps_fetch_lock, &mask);
    ps_unlock(&ps_regions_lock, &regions_mask);
    ps_unlock(&ps_evict_lock, &evict_mask);
}

void ps_fetch_look(struct ps_image *image, uint64_t block, struct ps_patience *patience)
{
    uint64_t now = ps_now_ms();
    unsigned owner = ps_table_owner(image->table, block);
    bool late;

    if (patience->began_ms == 0)
        patience->began_ms = now;
    else if (now - patience->looked_ms < PS_LOOK_MS)
        return;
    patience->looked_ms = now;
    late = now - patience->began_ms > PS_LEASE_MS;
    if (late)
        patience->began_ms = now;
    if (ps_image_left(image, owner))
        give_back_near(image, block, owner);
    else if (late && (owner != image->owner || owner == 0))
        give_back_run(image, block, owner);
    else if (late)
        give_back_forgotten(image, block);
}

/* --- waiting ---------------------------------------------------------------- */

/* Wait for one block: READY, FAILED (by whichever process), or ABSENT: to be started again. */
static enum ps_block_state wait_block(struct ps_image *image, uint64_t block)
{
    struct ps_patience patience = {0};

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

    for (;;) {
        uint64_t count = last - block + 1 < most ? last - block + 1 : most;
        uint32_t seen = atomic_load(&released);
        enum ps_block_state state;

        if (ps_fetch_start(image, block, count, PS_FETCH_CALL) == 0) {
            ps_wait(&released, seen, 100, false); /* the pool is empty: some request will end */
            continue;
        }
        state = wait_block(image, block);
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

struct ps_request *ps_fetch_take(uint32_t most_ahead, bool *is_idle)
{
    struct ps_request *request;
    uint64_t mask;

    ps_lock(&ps_fetch_lock, &mask);
    request = pop(&demand);
    *is_idle = request == NULL && look_ahead.first == NULL;
    if (request == NULL && background < most_ahead) {
        request = pop(&look_ahead);
        if (request != NULL) {
            request->background = true;
            background++;
        }
    }
    if (request != NULL)
        request->state = PS_REQUEST_RUNNING;
    ps_unlock(&ps_fetch_lock, &mask);
    return request;
}

static void request_free(struct ps_request *request)
{
    uint64_t mask;

    ps_lock(&ps_fetch_lock, &mask);
    ps_image_put(request->image);
    background -= request->background;
    request->state = PS_REQUEST_FREE;
    request->next = free_requests;
    free_requests = request;
    free_count++;
    ps_unlock(&ps_fetch_lock, &mask);
    atomic_fetch_add(&released, 1);
    ps_wake(&released, 1, false);
}

void ps_fetch_perform(struct ps_request *request, void *buffer)
{
    uint64_t began = ps_profile_is_on() ? ps_now_ns() : 0;

    ps_fetch_carry(request, buffer);
    if (request->ahead || request->fault_ns != 0) /* else who waited will say so */
        for (unsigned i = 0; i < request->runs; i++)
            ps_profile_arrived(request->image, request->run[i].first, request->run[i].count, began,
                               i == 0 ? request->fault_ns : 0);
    if (request->fault_ns != 0)
        ps_stats_stall(request->image->record, ps_now_ns() - request->fault_ns);
    request_free(request);
}

/* --- here and now ------------------------------------------------------------ */

static int spare_take(void)
{
    for (int i = 0; i < SPARES; i++)
        if (!(atomic_fetch_or(&spares_taken, 1U << i) & 1U << i))
            return i;
    return -1;
}

bool ps_fetch_now(struct ps_image *image, uint64_t block)
{
    struct ps_request one = {.image = image, .run = {{block, 1}}, .runs = 1, .learned = true};
    bool done = false;
    uint64_t mask;
    int spare;

    if (image->table->block_size > SPARE_SIZE || !ps_handle_is_instant(image->handle) ||
        ps_digest_is_due(image)) /* which takes more than a handler has */
        return false;
    /* a handler that jumped out of here would leave the block LOADING for ever */
    ps_signals_block(&mask);
    spare = spare_take();
    if (spare >= 0 && ps_table_claim(image->table, block, 1, image->owner) == 1)
        done = ps_fetch_carry(&one, spares[spare]);
    if (spare >= 0)
        atomic_fetch_and(&spares_taken, ~(1U << spare));
    ps_signals_restore(&mask);
    return done;
}

/* --- fork -------------------------------------------------------------------- */

/* The parent's workers end the parent's requests, for both; the child begins with none. */
void ps_fetch_fork_child(void)
{
    atomic_store(&spares_taken, 0);
    if (!pool_ready)
        return;
    for (int i = 0; i < REQUESTS; i++)
        if (pool[i].state != PS_REQUEST_FREE)
            ps_image_put(pool[i].image);
    pool_init();
}

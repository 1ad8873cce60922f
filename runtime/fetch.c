/* fetch.c: claims, requests and waits; see fetch.h */
#include "fetch.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/sys.h"
#include "digest.h"
#include "engine/engine.h"
#include "handle.h"
#include "join.h"
#include "learn.h"
#include "memory.h"
#include "stats.h"
#include "work.h"

enum { REQUESTS = 512, RESERVED = 128 /* of them, not for looking ahead */, FAILURES = 64 };

struct queue {
    struct ps_request *first, *last;
};

struct failure {
    const struct ps_image *image;
    uint64_t first, count, when;
    struct ps_error error;
};

/* Protects the pool, both queues, background and the failures. */
struct ps_lock ps_fetch_lock = PS_LOCK(PS_RANK_FETCH);
static struct ps_request pool[REQUESTS];
static struct ps_request *free_requests;
static unsigned free_count;
static bool pool_ready;
static struct queue demand, look_ahead;
static uint32_t background;               /* requests that run, and were taken from look_ahead */
static struct failure failures[FAILURES]; /* a ring */
static _Atomic uint64_t failure_clock;
static _Atomic uint32_t released; /* counts requests given back: who found the pool empty waits */

enum { SPARES = 8, SPARE_SIZE = 64 << 10 };

/* Buffers for ps_fetch_now: a handler's stack may have no room for one. */
static unsigned char spares[SPARES][SPARE_SIZE];
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
    return request->state != PS_REQUEST_FREE && request->image == image &&
           block >= request->first && block - request->first < request->count;
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

static void request_new(struct ps_image *image, uint64_t first, uint64_t count,
                        enum ps_fetch_reason reason)
{
    struct ps_request *request = free_requests;

    free_requests = request->next;
    free_count--;
    ps_image_get(image);
    request->image = image;
    request->first = first;
    request->count = count;
    request->fault_ns = reason == PS_FETCH_FAULT ? ps_now_ns() : 0;
    request->ahead = is_ahead(reason);
    request->learned = reason == PS_FETCH_LEARNED;
    request->background = false;
    request->state = PS_REQUEST_QUEUED;
    push(is_ahead(reason) ? &look_ahead : &demand, request);
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
    unsigned made = 0;

    ps_lock(&ps_fetch_lock, &mask);
    if (!pool_ready)
        pool_init();
    while (block < first + count && free_count > (is_ahead(reason) ? RESERVED : 0U)) {
        uint64_t left = first + count - block;
        uint64_t run = ps_table_claim(table, block, left < most ? left : most, image->owner);
        if (run > 0) {
            request_new(image, block, run, reason);
            made++;
        } else if (!is_ahead(reason) && look_ahead.first != NULL &&
                   ps_table_state(table, block) == PS_BLOCK_LOADING) {
            made += promote(image, block, reason == PS_FETCH_FAULT ? ps_now_ns() : 0);
        }
        block += run > 0 ? run : 1;
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

uint64_t ps_fetch_clock(void)
{
    return atomic_load(&failure_clock);
}

bool ps_fetch_failure(const struct ps_image *image, uint64_t block, uint64_t since,
                      struct ps_error *err)
{
    struct ps_error error = {0};
    uint64_t mask;

    ps_lock(&ps_fetch_lock, &mask);
    for (int i = 0; i < FAILURES && error.code == 0; i++) {
        const struct failure *failure = &failures[i];
        if (failure->image == image && failure->when > since && block >= failure->first &&
            block - failure->first < failure->count)
            error = failure->error;
    }
    ps_unlock(&ps_fetch_lock, &mask);
    /* not under the lock: err is the program's, and may itself be lazy memory */
    if (error.code != 0 && err != NULL && err->code == 0)
        *err = error;
    return error.code != 0;
}

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
    if (waited)
        ps_stats_stall(image->record, ps_now_ns() - began);
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

/* The cause must be on record before a waiter can see FAILED. */
static void record_failure(const struct ps_image *image, uint64_t first, uint64_t count,
                           const struct ps_error *error)
{
    struct failure *failure;
    uint64_t mask;

    ps_lock(&ps_fetch_lock, &mask);
    failure = &failures[(atomic_load(&failure_clock) + 1) % FAILURES];
    failure->image = image;
    failure->first = first;
    failure->count = count;
    failure->error = *error;
    failure->when = atomic_fetch_add(&failure_clock, 1) + 1;
    ps_unlock(&ps_fetch_lock, &mask);
}

static int write_image(const struct ps_image *image, const char *bytes, size_t size,
                       uint64_t offset, struct ps_error *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t put = sys_pwrite(image->fd, bytes + done, size - done, offset + done);
        if (put == -EINTR)
            continue;
        if (put <= 0)
            return ps_error_set(err, PS_E_NOMEM, put < 0 ? (int)-put : ENOSPC,
                                "no memory for the bytes%s",
                                put == -EFBIG ? " (see ulimit -f)" : "");
        done += (size_t)put;
    }
    return 0;
}

/* So many bytes more are in the image. Of a block that was taken over, perhaps twice the same. */
static uint64_t count_held(const struct ps_image *image, uint64_t size)
{
    struct ps_table *table = image->table;
    uint64_t held = atomic_fetch_add(&table->held, size) + size;

    ps_stats_resident(image->record, held < table->size ? held : table->size);
    return held;
}

/* Where the kernel has no memory: perhaps with some blocks less it has. */
static int write_or_make_room(const struct ps_image *image, const struct ps_arrival *arrival,
                              struct ps_error *err)
{
    int result = write_image(image, arrival->bytes, arrival->size, arrival->offset, err);

    if (result != PS_E_NOMEM || !ps_memory_make_room(arrival->size, true))
        return result;
    *err = (struct ps_error){0};
    return write_image(image, arrival->bytes, arrival->size, arrival->offset, err);
}

/*
 * Bytes that were read become the image's: a touch that the kernel serves sees
 * them from then on, so all that can be wrong with them is found before.
 */
static int take_in(struct ps_image *image, const struct ps_arrival *arrival, struct ps_error *err)
{
    uint64_t size = arrival->size;
    int result = 0;

    ps_memory_make_room(size, false);
    /* of those who bring the last bytes at the same time, one counts last */
    if (count_held(image, size) == image->table->size && ps_digest_is_due(image))
        result = ps_digest_check(image, arrival, err);
    if (result == 0)
        result = write_or_make_room(image, arrival, err);
    if (result < 0)
        atomic_fetch_sub(&image->table->held, size);
    return result;
}

/* Read blocks that the caller owns, write them to the image, and move them on: to READY, if true.
 */
static bool fetch_owned(struct ps_image *image, uint64_t first, uint64_t count, bool ahead,
                        bool noted, void *buffer)
{
    struct ps_table *table = image->table;
    uint64_t offset = first * table->block_size, size = count * table->block_size;
    struct ps_error error = {0};
    uint64_t began = ps_now_ns(), now, cached;
    int result;

    if (size > table->size - offset)
        size = table->size - offset;
    result = ps_handle_read(image->handle, image->key, &image->expected, buffer, (size_t)size,
                            image->proxy->offset + offset, &error);
    ps_stats_count(&image->record->requests, 1);
    if (result == 0) {
        cached = ps_handle_cached();
        now = ps_now_ns();
        if (cached == 0) /* else it says nothing of the way to the store */
            ps_ahead_measure(&image->ahead, size, now - began, now);
        ps_stats_count(&image->record->fetched, size > cached ? size - cached : 0);
        ps_stats_count(&image->record->cached, cached);
        result = take_in(image, &(struct ps_arrival){buffer, (size_t)size, offset}, &error);
    }
    if (result == 0) /* first: who sees READY may touch, and must not meet the failure of before */
        ps_fail_heal(image, offset, size);
    else
        ps_stats_count(&image->record->failures, 1);
    if (result < 0 && !ahead)
        record_failure(image, first, count, &error);
    /* first, as well: who sees the last bytes READY that it wanted may end the process */
    if (result == 0 && !noted)
        ps_learn_note(image, first, count);
    /* a failure that nobody asked for is none: a touch of it will be the first to try */
    ps_table_set(table, first, count, image->owner,
                 result == 0 ? PS_BLOCK_READY
                 : ahead     ? PS_BLOCK_ABSENT
                             : PS_BLOCK_FAILED);
    if (result == 0)
        ps_memory_came(image, first, count);
    ps_engine_published(image, offset, size);
    return result == 0;
}

void ps_fetch_perform(struct ps_request *request, void *buffer)
{
    fetch_owned(request->image, request->first, request->count, request->ahead, request->learned,
                buffer);
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
        done = fetch_owned(image, block, 1, false, true, spares[spare]);
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

/* requests.c: see requests.h */
#include "requests.h"

#include "base/clock.h"
#include "base/lock.h"
#include "handle.h"
#include "work.h"

struct queue {
    struct ps_request *first, *last;
};

/* Protects the pool, both queues, background, and the failures (fetch_carry.c). */
struct ps_lock ps_fetch_lock = PS_LOCK(PS_RANK_FETCH);
struct ps_request ps_requests[PS_REQUESTS];
static struct ps_request *free_requests;
static unsigned free_count;
static bool has_begun;
static struct queue demand, look_ahead;
static uint32_t background;       /* requests that run, and were taken from look_ahead */
static _Atomic uint32_t returned; /* counts requests given back */

void ps_requests_begin(void)
{
    free_requests = NULL;
    for (int i = PS_REQUESTS - 1; i >= 0; i--) {
        ps_requests[i].state = PS_REQUEST_FREE;
        ps_requests[i].next = free_requests;
        free_requests = &ps_requests[i];
    }
    free_count = PS_REQUESTS;
    background = 0;
    demand = look_ahead = (struct queue){NULL, NULL};
    has_begun = true;
}

bool ps_requests_started(void)
{
    return has_begun;
}

unsigned ps_requests_left(enum ps_fetch_reason reason)
{
    unsigned kept = ps_request_is_ahead(reason) ? PS_REQUESTS_RESERVED : 0;

    return free_count > kept ? free_count - kept : 0;
}

unsigned ps_requests_used(void)
{
    return PS_REQUESTS - free_count;
}

bool ps_request_is_ahead(enum ps_fetch_reason reason)
{
    return reason == PS_FETCH_AHEAD || reason == PS_FETCH_LEARNED;
}

bool ps_request_covers(const struct ps_request *request, const struct ps_image *image,
                       uint64_t block)
{
    if (request->state == PS_REQUEST_FREE || request->image != image)
        return false;
    for (unsigned i = 0; i < request->runs; i++)
        if (block >= request->run[i].first && block - request->run[i].first < request->run[i].count)
            return true;
    return false;
}

bool ps_request_is_under_way(const struct ps_request *request)
{
    return request->state == PS_REQUEST_QUEUED || request->state == PS_REQUEST_RUNNING;
}

/* --- the queues -------------------------------------------------------------- */

static void push(struct queue *queue, struct ps_request *request)
{
    request->next = NULL;
    if (queue->last != NULL)
        queue->last->next = request;
    else
        queue->first = request;
    queue->last = request;
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

struct ps_request *ps_requests_ahead(void)
{
    return look_ahead.first;
}

void ps_request_hasten(struct ps_request *request)
{
    take_out(&look_ahead, request);
    request->ahead = false;
    push(&demand, request);
}

void ps_request_unqueue(struct ps_request *request)
{
    take_out(&demand, request);
}

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

/* --- from the pool, and back ------------------------------------------------- */

struct ps_request *ps_request_new(struct ps_image *image, const struct ps_run *run,
                                  enum ps_fetch_reason reason, uint64_t since)
{
    struct ps_request *request = free_requests;

    free_requests = request->next;
    free_count--;
    ps_image_again(image);
    request->image = image;
    request->run[0] = *run;
    request->runs = 1;
    request->fault_ns = reason == PS_FETCH_FAULT ? ps_now_ns() : 0;
    request->ahead = ps_request_is_ahead(reason);
    request->learned = reason == PS_FETCH_LEARNED;
    request->taken = request->background = request->awaited = false;
    request->deadline = ps_handle_deadline(image->handle);
    atomic_store(&request->clock, since);
    request->state = PS_REQUEST_QUEUED;
    push(ps_request_is_ahead(reason) ? &look_ahead : &demand, request);
    return request;
}

void ps_request_free(struct ps_request *request)
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
    atomic_fetch_add(&returned, 1);
    ps_wake(&returned, 1, false);
}

uint32_t ps_requests_returned(void)
{
    return atomic_load(&returned);
}

void ps_requests_await(uint32_t seen)
{
    ps_wait(&returned, seen, 100, false);
}

/* --- fork -------------------------------------------------------------------- */

/* The parent's workers end the parent's requests, for both; the child begins with none. */
void ps_fetch_fork_child(void)
{
    ps_fetch_now_fork_child();
    if (!has_begun)
        return;
    for (int i = 0; i < PS_REQUESTS; i++)
        if (ps_requests[i].state != PS_REQUEST_FREE) {
            ps_handle_flow(ps_requests[i].image->handle)->running = 0;
            ps_image_put(ps_requests[i].image);
        }
    ps_requests_begin();
}

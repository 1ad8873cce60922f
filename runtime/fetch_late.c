/* fetch_late.c: what does not come in time; see fetch.h */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/text.h"
#include "requests.h"

/* One that is too late is the caller's, who fails its blocks; with the lock. NULL: none is. */
static struct ps_request *find_late(bool *any)
{
    const uint64_t slack = UINT64_C(1000000) * PS_SLACK_MS;
    uint64_t now = ps_run_ns();

    *any = false;
    for (struct ps_request *at = ps_requests; at < ps_requests + PS_REQUESTS; at++) {
        if (!ps_request_is_under_way(at) || !at->awaited || at->deadline == 0)
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
        ps_request_unqueue(found);
    found->state = PS_REQUEST_LATE;
    late.image = found->image;
    late.runs = found->runs;
    memcpy(late.run, found->run, sizeof(late.run));
    ps_image_again(late.image);
    error = late_error(found->deadline);
    ps_unlock(&ps_fetch_lock, &mask);
    ps_fetch_publish(&late, NULL, &error);
    ps_image_put(late.image);
    if (is_queued)
        ps_request_free(found);
    return true;
}

bool ps_fetch_expire(void)
{
    bool any = false;

    while (ps_requests_started() && fail_late(&any))
        ;
    return any;
}

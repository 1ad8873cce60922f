/*
 * requests.h: what this process asks stores for: a pool, and two queues that workers serve
 *
 * For fetch*.c, with ps_fetch_lock held where nothing else is said.
 */
#ifndef PS_REQUESTS_H
#define PS_REQUESTS_H

#include "fetch.h"

enum { PS_REQUESTS = 512, PS_REQUESTS_RESERVED = 128 /* of them, not for looking ahead */ };

extern struct ps_request ps_requests[PS_REQUESTS]; /* also FREE ones */

/* ps_requests_begin: with all FREE, and nothing queued */
void ps_requests_begin(void);
bool ps_requests_started(void); /* also without the lock */

/* ps_requests_left: how many are FREE, for this reason */
unsigned ps_requests_left(enum ps_fetch_reason reason);
unsigned ps_requests_used(void);

bool ps_request_is_ahead(enum ps_fetch_reason reason);

/* ps_request_new: one for a run that is claimed, queued; since: as ps_fetch_await has it */
struct ps_request *ps_request_new(struct ps_image *image, const struct ps_run *run,
                                  enum ps_fetch_reason reason, uint64_t since);

/* ps_request_free: its worker, or who failed it in the queue, is done with it; without the lock */
void ps_request_free(struct ps_request *request);

/* ps_request_covers: does it bring this block, or has it? */
bool ps_request_covers(const struct ps_request *request, const struct ps_image *image,
                       uint64_t block);

/* ps_request_is_under_way: with what it brings not here yet: others may still come to wait for it
 */
bool ps_request_is_under_way(const struct ps_request *request);

/* ps_requests_ahead: the first that is queued and that nobody waits for; others by next, or NULL */
struct ps_request *ps_requests_ahead(void);

/* ps_request_hasten: of those, it is queued among those that somebody waits for */
void ps_request_hasten(struct ps_request *request);

/* ps_request_unqueue: of those that somebody waits for */
void ps_request_unqueue(struct ps_request *request);

/* ps_requests_await: sleep until one is given back; seen: ps_requests_returned before the pool was
 * found empty. Both without the lock. */
uint32_t ps_requests_returned(void);
void ps_requests_await(uint32_t seen);

#endif

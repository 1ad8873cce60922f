/* flow.h: how a store may be asked, and how it answers; a handle has one (handle.h) */
#ifndef PS_FLOW_H
#define PS_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include <ps/error.h>

#include "ahead.h"

struct ps_flow {
    struct ps_pace pace;
    uint64_t size;     /* bytes that one request asks for at most */
    uint64_t parallel; /* requests that may be under way at once; 0: one for each worker */
    uint64_t running;  /* requests that are; under ps_fetch_lock */
};

/*
 * ps_flow_take: take what a store's URL says of it out of url
 *
 * fetch.size=SIZE and fetch.parallel=N. 0, or PS_E_INVALID.
 */
int ps_flow_take(struct ps_flow *flow, char *url, struct ps_error *err);

/*
 * ps_flow_has_room: may one more request begin?
 *
 * Where there may be several, one is not for what nobody waits for. With ps_fetch_lock.
 */
bool ps_flow_has_room(const struct ps_flow *flow, bool ahead);

#endif

/* flow.c: see flow.h */
#include "flow.h"

#include <ps/backend.h>

/* What a stranger's URL may ask for: each request under way may hold PS_REQUEST_MAX of memory. */
enum { SIZE_LEAST = 4096, PARALLEL_MOST = 64 };

/* 1: it is in the url, and good; 0: it is not, and *number stays as it is */
static int take(uint64_t *number, char *url, const char *name, struct ps_error *err)
{
    char value[32];
    int result = ps_url_option(url, name, value, sizeof(value), err);

    if (result == 1 && ps_parse_size(number, value, err) < 0)
        return PS_E_INVALID;
    return result;
}

int ps_flow_take(struct ps_flow *flow, char *url, struct ps_error *err)
{
    int has_parallel = take(&flow->parallel, url, "fetch.parallel", err);

    flow->size = PS_REQUEST_MAX;
    if (has_parallel < 0 || take(&flow->size, url, "fetch.size", err) < 0)
        return PS_E_INVALID;
    if (has_parallel && (flow->parallel == 0 || flow->parallel > PARALLEL_MOST))
        return ps_error_set(err, PS_E_INVALID, 0, "fetch.parallel is not from 1 to 64");
    if (flow->size < SIZE_LEAST || flow->size > PS_REQUEST_MAX)
        return ps_error_set(err, PS_E_INVALID, 0, "fetch.size is not from 4K to 2M");
    return 0;
}

bool ps_flow_has_room(const struct ps_flow *flow, bool ahead)
{
    uint64_t most = flow->parallel > 1 ? flow->parallel - ahead : flow->parallel;

    return flow->parallel == 0 || flow->running < most;
}

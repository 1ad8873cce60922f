/*
 * delay.c: an honest stand-in for a remote store
 *
 * delay+<URL>?delay.latency=10ms&delay.bandwidth=100M. Every request waits one
 * latency, requests at the same time wait theirs in parallel; the bytes of all
 * then pass one link, one after the other. What the store itself takes is hidden in
 * that time as long as it is shorter. There is no descriptor: a remote store has none.
 */
#include "../wrap/wrap.h"

#include <stdatomic.h>

/* With it the largest request, of 1 MiB, takes a minute. */
#define BANDWIDTH_LEAST (UINT64_C(18) << 10)

struct delay {
    struct wrap wrap;
    uint64_t latency;   /* nanoseconds */
    uint64_t bandwidth; /* bytes a second */
    /* When the link is free next, on the monotonic clock, in ns. Atomic: no lock survives a fork.
     */
    _Atomic uint64_t link_free;
};

/* Waits for the request to arrive, and tells when it did. */
static uint64_t wait_latency(const struct delay *delay)
{
    uint64_t arrival = module_now() + delay->latency;

    wrap_sleep_until(arrival);
    return arrival;
}

/* Takes the link, from arrival on, for as long as size bytes need; tells when they are through. */
static uint64_t pass_link(struct delay *delay, uint64_t arrival, uint64_t size)
{
    unsigned __int128 ns = (unsigned __int128)size * 1000000000 / delay->bandwidth;
    uint64_t takes = ns > UINT64_MAX / 4 ? UINT64_MAX / 4 : (uint64_t)ns;
    uint64_t free_at = atomic_load(&delay->link_free), done;

    do
        done = (free_at > arrival ? free_at : arrival) + takes;
    while (!atomic_compare_exchange_weak(&delay->link_free, &free_at, done));
    return done;
}

static int take_options(struct delay *delay, char *url, struct ps_error *err)
{
    delay->latency = 10000000;
    delay->bandwidth = 100 << 20;
    if (module_number(&delay->latency, url, "delay.latency", ps_parse_time, err) < 0 ||
        module_number(&delay->bandwidth, url, "delay.bandwidth", ps_parse_size, err) < 0)
        return PS_E_INVALID;
    if (delay->latency > WRAP_LONGEST)
        return ps_error_set(err, PS_E_INVALID, 0, "delay.latency is more than 60s");
    if (delay->bandwidth < BANDWIDTH_LEAST)
        return ps_error_set(err, PS_E_INVALID, 0, "delay.bandwidth is less than 18K");
    return 0;
}

static int delay_open(void **handle, const char *url, struct ps_error *err)
{
    struct delay *delay = calloc(1, sizeof(*delay));
    char *inner = strdup(url);
    int result = 0;

    if (delay == NULL || inner == NULL)
        result = ps_error_set(err, PS_E_NOMEM, ENOMEM, "opening a delay+ store");
    if (result == 0)
        result = take_options(delay, inner, err);
    if (result == 0)
        result = wrap_open(&delay->wrap, inner, err);
    free(inner);
    if (result < 0)
        free(delay);
    else
        *handle = delay;
    return result;
}

static void delay_close(void *handle)
{
    struct delay *delay = handle;

    wrap_close(&delay->wrap);
    free(delay);
}

static int delay_stat(void *handle, const char *key, struct ps_object_info *info,
                      struct ps_error *err)
{
    struct delay *delay = handle;

    wait_latency(delay);
    return wrap_stat(&delay->wrap, key, info, err);
}

static int delay_read(void *handle, const char *key, const struct ps_object_info *expected,
                      void *buffer, size_t size, uint64_t offset, struct ps_error *err)
{
    struct delay *delay = handle;
    uint64_t arrival = wait_latency(delay);
    int result = wrap_read(&delay->wrap, key, expected, buffer, size, offset, err);

    if (result == 0)
        wrap_sleep_until(pass_link(delay, arrival, size));
    return result;
}

static int delay_put(void *handle, const char *key, const struct ps_content *content,
                     struct ps_object_info *info, struct ps_error *err)
{
    struct delay *delay = handle;

    /* the object appears when its last byte has arrived */
    wrap_sleep_until(pass_link(delay, wait_latency(delay), content->size));
    return wrap_put(&delay->wrap, key, content, info, err);
}

static int delay_exists(void *handle, const char *key, struct ps_error *err)
{
    struct delay *delay = handle;

    wait_latency(delay);
    return wrap_exists(&delay->wrap, key, err);
}

static int delay_evict(void *handle, const char *key, struct ps_error *err)
{
    struct delay *delay = handle;

    wait_latency(delay);
    return wrap_evict(&delay->wrap, key, err);
}

static int delay_list(void *handle, ps_backend_each *each, void *context, struct ps_error *err)
{
    struct delay *delay = handle;

    wait_latency(delay);
    return wrap_list(&delay->wrap, each, context, err);
}

static const struct ps_backend backend = {
    .struct_size = sizeof(struct ps_backend),
    .api_version = PS_BACKEND_API,
    .flags = PS_BACKEND_PARALLEL | PS_BACKEND_WRAPPER,
    .name = "delay",
    .schemes = "delay",
    .help = "delay.latency=TIME: what every request waits, at most 60s (10ms)\n"
            "delay.bandwidth=SIZE: bytes a second, for all requests together, at least 18K\n"
            "(100M)\n",
    .open = delay_open,
    .close = delay_close,
    .stat = delay_stat,
    .read = delay_read,
    .put = delay_put,
    .exists = delay_exists,
    .evict = delay_evict,
    .list = delay_list,
    .forget = wrap_forget,
    .distrust = wrap_distrust,
    .place = wrap_place,
    .parts = wrap_parts,
    .check = wrap_check,
};

PS_API const struct ps_backend *ps_backend_init(uint32_t api_version)
{
    return api_version == PS_BACKEND_API ? &backend : NULL;
}

/*
 * http_lookup.c: name servers that take longer than a request may
 *
 * libcurl looks a name up in a thread, which nobody can end: a request that is late leaves it
 * behind, until the resolver gives up. So after one that was left, until a name is found again or
 * known not to be there, another lookup is begun only once a second.
 */
#include "http.h"

#define SECOND UINT64_C(1000000000)

int http_lookup_begin(void *state, void *reserved, void *argument)
{
    struct http_transfer *transfer = argument;
    struct http_store *store = transfer->store;
    uint64_t now = module_now();

    (void)state, (void)reserved;
    pthread_mutex_lock(&store->lock);
    transfer->lookup =
        store->was_lookup_left && now - store->lookup_ns < SECOND ? LOOKUP_REFUSED : LOOKUP_BEGUN;
    if (transfer->lookup == LOOKUP_BEGUN)
        store->lookup_ns = now;
    pthread_mutex_unlock(&store->lock);
    return transfer->lookup == LOOKUP_REFUSED;
}

void http_lookup_end(const struct http_transfer *transfer, CURLcode code)
{
    struct http_store *store = transfer->store;
    bool is_late = transfer->is_late || transfer->is_overdue || code == CURLE_OPERATION_TIMEDOUT;
    curl_off_t took = 0;

    if (transfer->lookup != LOOKUP_BEGUN)
        return;
    curl_easy_getinfo(transfer->curl, CURLINFO_NAMELOOKUP_TIME_T, &took);
    pthread_mutex_lock(&store->lock);
    store->was_lookup_left = took == 0 && is_late;
    pthread_mutex_unlock(&store->lock);
}

/* http_store.c: what all transfers of a store share */
#include "http.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#define TIMEOUT_MOST (UINT64_C(600) * 1000000000)

static bool is_started;

/* OpenSSL would clean up at the program's exit, while a worker may still be at it. */
static void start(void)
{
    is_started = OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL) == 1 &&
                 curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

int http_take_timeout(struct http_store *store, char *url, struct ps_error *err)
{
    store->timeout_ns = UINT64_C(60) * 1000000000;
    if (module_number(&store->timeout_ns, url, "http.timeout", ps_parse_time, err) < 0)
        return PS_E_INVALID;
    if (store->timeout_ns < 1000000 || store->timeout_ns > TIMEOUT_MOST)
        return ps_error_set(err, PS_E_INVALID, 0, "http.timeout is not from 1ms to 600s");
    return 0;
}

bool http_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, start);
    return is_started;
}

static void share_lock(CURL *curl, curl_lock_data data, curl_lock_access access, void *argument)
{
    struct http_store *store = argument;

    (void)curl, (void)access;
    pthread_mutex_lock(&store->share_locks[data]);
}

static void share_unlock(CURL *curl, curl_lock_data data, void *argument)
{
    struct http_store *store = argument;

    (void)curl;
    pthread_mutex_unlock(&store->share_locks[data]);
}

int http_store_start(struct http_store *store, struct ps_error *err)
{
    store->shared = curl_share_init();
    if (store->shared == NULL)
        return ps_error_set(err, PS_E_NOMEM, ENOMEM, "opening a store");
    for (int i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_init(&store->share_locks[i], NULL);
    curl_share_setopt(store->shared, CURLSHOPT_LOCKFUNC, share_lock);
    curl_share_setopt(store->shared, CURLSHOPT_UNLOCKFUNC, share_unlock);
    curl_share_setopt(store->shared, CURLSHOPT_USERDATA, store);
    curl_share_setopt(store->shared, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(store->shared, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    pthread_mutex_init(&store->lock, NULL);
    return 0;
}

void http_store_stop(struct http_store *store)
{
    http_streams_close(store);
    http_transfers_free(store->idle);
    curl_share_cleanup(store->shared);
    for (int i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_destroy(&store->share_locks[i]);
    pthread_mutex_destroy(&store->lock);
}

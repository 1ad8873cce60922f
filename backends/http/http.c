/*
 * http.c: what can be had by a GET; read-only
 *
 * http://host[:port]/path or https://, each with a query. A user and password,
 * or a token as the password of no user, come from a configured store's URL;
 * else from ~/.netrc.
 */
#include "http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#define TIMEOUT_MOST (UINT64_C(600) * 1000000000)

/* --- the URL ------------------------------------------------------------------------ */

static int take_timeout(struct http_store *store, char *url, struct ps_error *err)
{
    char text[32];
    int result = ps_url_option(url, "http.timeout", text, sizeof(text), err);

    store->timeout_ns = UINT64_C(60) * 1000000000;
    if (result > 0)
        result = ps_parse_time(&store->timeout_ns, text, err);
    if (result < 0)
        return result;
    if (store->timeout_ns < 1000000 || store->timeout_ns > TIMEOUT_MOST)
        return ps_error_set(err, PS_E_INVALID, 0, "http.timeout is not from 1ms to 600s");
    return 0;
}

/* A part of the URL, or "" where it has none; false: it does not fit. */
static bool get_part(char *out, size_t size, CURLU *url, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    bool fits;

    curl_url_get(url, part, &text, flags);
    fits = snprintf(out, size, "%s", text != NULL ? text : "") < (int)size;
    curl_free(text);
    return fits;
}

static bool read_login(struct http_store *store, CURLU *url)
{
    char user[HTTP_TEXT_MAX], password[HTTP_TEXT_MAX];

    if (!get_part(user, sizeof(user), url, CURLUPART_USER, CURLU_URLDECODE) ||
        !get_part(password, sizeof(password), url, CURLUPART_PASSWORD, CURLU_URLDECODE))
        return false;
    if (password[0] == '\0')
        return true;
    if (user[0] == '\0') {
        strcpy(store->token, password);
        return true;
    }
    return snprintf(store->login, sizeof(store->login), "%s:%s", user, password) <
           (int)sizeof(store->login);
}

/* The rest without its user, password and query. */
static bool read_folder(struct http_store *store, CURLU *url)
{
    size_t size;

    if (curl_url_set(url, CURLUPART_USER, NULL, 0) != CURLUE_OK ||
        curl_url_set(url, CURLUPART_PASSWORD, NULL, 0) != CURLUE_OK ||
        curl_url_set(url, CURLUPART_QUERY, NULL, 0) != CURLUE_OK ||
        !get_part(store->folder, sizeof(store->folder), url, CURLUPART_URL, 0))
        return false;
    size = strlen(store->folder);
    if (size > 0 && store->folder[size - 1] == '/')
        store->folder[size - 1] = '\0';
    return size > 0;
}

static int read_url(struct http_store *store, const char *given, struct ps_error *err)
{
    char copy[PS_URI_MAX];
    size_t query;
    CURLU *url;
    bool is_good;

    if (strlen(given) >= sizeof(copy))
        return ps_error_set(err, PS_E_INVALID, 0, "too long a URL");
    strcpy(copy, given);
    if (take_timeout(store, copy, err) < 0)
        return PS_E_INVALID;
    query = strcspn(copy, "?");
    strcpy(store->query, copy + query);
    url = curl_url();
    if (url == NULL)
        return ps_error_set(err, PS_E_NOMEM, ENOMEM, "opening an http store");
    is_good = curl_url_set(url, CURLUPART_URL, copy, 0) == CURLUE_OK && read_login(store, url) &&
              read_folder(store, url);
    curl_url_cleanup(url);
    return is_good ? 0
                   : ps_error_set(err, PS_E_INVALID, 0, "not http[s]://host[:port][/path][?query]");
}

/* --- open and close ------------------------------------------------------------------- */

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

static int start_sharing(struct http_store *store)
{
    store->shared = curl_share_init();
    if (store->shared == NULL)
        return -1;
    for (int i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_init(&store->share_locks[i], NULL);
    curl_share_setopt(store->shared, CURLSHOPT_LOCKFUNC, share_lock);
    curl_share_setopt(store->shared, CURLSHOPT_UNLOCKFUNC, share_unlock);
    curl_share_setopt(store->shared, CURLSHOPT_USERDATA, store);
    curl_share_setopt(store->shared, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(store->shared, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    return 0;
}

static int http_open(void **handle, const char *url, struct ps_error *err)
{
    struct http_store *store = calloc(1, sizeof(*store));
    int result;

    if (store == NULL)
        return ps_error_set(err, PS_E_NOMEM, ENOMEM, "opening an http store");
    result = read_url(store, url, err);
    if (result == 0 && start_sharing(store) < 0)
        result = ps_error_set(err, PS_E_NOMEM, ENOMEM, "opening an http store");
    if (result < 0) {
        free(store);
        return result;
    }
    pthread_mutex_init(&store->lock, NULL);
    *handle = store;
    return 0;
}

static void http_close(void *handle)
{
    struct http_store *store = handle;

    http_streams_close(store);
    while (store->idle != NULL) {
        struct http_transfer *transfer = store->idle;

        store->idle = transfer->next;
        http_transfer_free(transfer);
    }
    curl_share_cleanup(store->shared);
    for (int i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_destroy(&store->share_locks[i]);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

/* --- members of the backend ---------------------------------------------------------- */

/* Of an answer that is only looked at: a byte, or none of all. */
static bool sink_stat(void *to, const char *bytes, size_t size)
{
    const struct http_reply *reply = to;

    (void)bytes, (void)size;
    return reply->status == 206;
}

/* By a range, and not by HEAD, which those who sign a URL for a GET forbid. */
static int http_stat(void *handle, const char *key, struct ps_object_info *info,
                     struct ps_error *err)
{
    struct http_transfer *transfer = http_transfer_get(handle, err);
    const struct ps_object_info any = {.size = PS_SIZE_UNKNOWN};
    struct http_request request = {.key = key, .range = "0-0", .sink = sink_stat};
    struct http_reply reply;
    int result;

    if (transfer == NULL)
        return err != NULL && err->code != 0 ? err->code : PS_E_NOMEM;
    request.to = &transfer->reply;
    result = http_get(transfer, &request, err);
    reply = transfer->reply;
    http_transfer_put(transfer);
    if (result < 0)
        return result;
    if (reply.status == 200)
        reply.size = reply.length;
    else if (reply.status != 206 && !(reply.status == 416 && reply.size == 0))
        return http_refusal(&reply, key, err);
    result = http_reply_check(&reply, &any, key, err);
    if (result == 0 && reply.size == PS_SIZE_UNKNOWN)
        result = ps_error_set(err, PS_E_UNSUPPORTED, 0,
                              "'%.100s': the server does not say how large it is", key);
    info->size = reply.size;
    strcpy(info->version, http_reply_version(&reply));
    return result;
}

/* A range that is being read. */
struct range {
    const struct http_reply *reply;
    const char *key;
    const struct ps_object_info *expected;
    char *to;
    size_t size, come;
    uint64_t offset;
    bool is_seen;   /* the reply was */
    bool is_stream; /* the server knows no ranges */
    int result;
    struct ps_error *err;
};

static int see_reply(struct range *range)
{
    const struct http_reply *reply = range->reply;
    int result;

    if (reply->status != 200 && reply->status != 206)
        return http_refusal(reply, range->key, range->err);
    result = http_reply_check(reply, range->expected, range->key, range->err);
    if (result < 0)
        return result;
    if (reply->status == 200) {
        range->is_stream = range->offset != 0 || reply->length != range->size;
        return 0;
    }
    if (reply->first != range->offset || reply->last != range->offset + range->size - 1)
        return ps_error_set(range->err, PS_E_CORRUPT, 0,
                            "'%.100s': asked for bytes from %llu, the server gave others",
                            range->key, (unsigned long long)range->offset);
    return 0;
}

static bool sink_range(void *to, const char *bytes, size_t size)
{
    struct range *range = to;

    if (!range->is_seen) {
        range->is_seen = true;
        range->result = see_reply(range);
        if (range->result < 0 || range->is_stream)
            return false;
    }
    if (size > range->size - range->come) {
        range->result = ps_error_set(range->err, PS_E_CORRUPT, 0,
                                     "'%.100s': more bytes than asked for", range->key);
        return false;
    }
    memcpy(range->to + range->come, bytes, size);
    range->come += size;
    return true;
}

/* Of a transfer that has ended well, or was enough. */
static int end_range(struct range *range)
{
    if (!range->is_seen) /* no byte came */
        range->result = see_reply(range);
    if (range->result == 0 && !range->is_stream && range->come < range->size)
        return ps_error_set(range->err, PS_E_CORRUPT, 0, "'%.100s': %zu bytes came, not %zu",
                            range->key, range->come, range->size);
    return range->result;
}

static int http_read(void *handle, const char *key, const struct ps_object_info *expected,
                     void *buffer, size_t size, uint64_t offset, struct ps_error *err)
{
    struct http_transfer *transfer;
    char text[64], condition[HTTP_TEXT_MAX];
    struct range range = {
        .key = key, .expected = expected, .to = buffer, .size = size, .offset = offset, .err = err};
    const struct http_request request = {
        .key = key, .range = text, .condition = condition, .sink = sink_range, .to = &range};
    int result;

    if (size == 0)
        return 0;
    if (http_stream_has(handle, key))
        return http_stream_read(handle, key, expected, buffer, size, offset, err);
    transfer = http_transfer_get(handle, err);
    if (transfer == NULL)
        return err != NULL && err->code != 0 ? err->code : PS_E_NOMEM;
    range.reply = &transfer->reply;
    snprintf(text, sizeof(text), "%llu-%llu", (unsigned long long)offset,
             (unsigned long long)(offset + size - 1));
    http_condition(condition, expected->version);
    result = http_get(transfer, &request, err);
    if (result == 0)
        result = end_range(&range);
    http_transfer_put(transfer);
    if (result == 0 && range.is_stream)
        return http_stream_read(handle, key, expected, buffer, size, offset, err);
    return result;
}

static const struct ps_backend backend = {
    .struct_size = sizeof(struct ps_backend),
    .api_version = PS_BACKEND_API,
    .flags = PS_BACKEND_PARALLEL | PS_BACKEND_REMOTE,
    .name = "http",
    .schemes = "http https",
    .help = "http.timeout=TIME: what one request may take, at most 600s (60s)\n"
            "other options are the server's\n",
    .open = http_open,
    .close = http_close,
    .stat = http_stat,
    .read = http_read,
};

static bool is_started;

/* OpenSSL would clean up at the program's exit, while a worker may still be at it. */
static void start(void)
{
    is_started = OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL) == 1 &&
                 curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

PS_API const struct ps_backend *ps_backend_init(uint32_t api_version)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    if (api_version != PS_BACKEND_API)
        return NULL;
    pthread_once(&once, start);
    return is_started ? &backend : NULL;
}

/* http_transfer.c: see http.h */
#include "http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_MOST = 256 << 10 }; /* bytes */

/* --- called by libcurl --------------------------------------------------------------- */

static size_t take_line(char *line, size_t one, size_t size, void *argument)
{
    struct http_transfer *transfer = argument;

    http_reply_line(&transfer->reply, line, one * size);
    return one * size;
}

/* That all of it is read keeps the connection, and tells where a redirect leads; unless it has no
 * end. */
static bool keep_page(struct http_reply *reply, const char *bytes, size_t size)
{
    size_t room = sizeof(reply->page) - 1 - reply->page_size, kept = size < room ? size : room;

    memcpy(reply->page + reply->page_size, bytes, kept);
    reply->page_size += kept;
    reply->page[reply->page_size] = '\0';
    reply->page_come += size;
    return reply->page_come <= PAGE_MOST;
}

static size_t take_body(char *bytes, size_t one, size_t size, void *argument)
{
    struct http_transfer *transfer = argument;

    if (transfer->reply.status >= 300 ? keep_page(&transfer->reply, bytes, one * size)
                                      : transfer->sink(transfer->to, bytes, one * size))
        return one * size;
    transfer->is_enough = true;
    return 0;
}

/* At least once a second, whatever it waits for. */
static int watch(void *argument, curl_off_t total, curl_off_t now, curl_off_t up, curl_off_t up_now)
{
    struct http_transfer *transfer = argument;
    bool is_ended = false;

    (void)total, (void)now, (void)up;
    if (up_now != transfer->sent) { /* a put may take as long as it moves on */
        transfer->sent = up_now;
        transfer->since_ns = module_now();
    } else if (transfer->body != NULL) {
        is_ended = !http_body_goes_on(transfer->body);
    }
    transfer->is_late = module_now() - transfer->since_ns > transfer->timeout_ns;
    transfer->is_overdue = module_now() >= ps_backend_deadline();
    return transfer->is_late || transfer->is_overdue || is_ended;
}

/* Sockets stay open between calls, where the program's own close passes by. */
static curl_socket_t open_socket(void *argument, curlsocktype purpose,
                                 struct curl_sockaddr *address)
{
    struct http_transfer *transfer = argument;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    struct ps_error error = {.sys_errno = errno};

    (void)purpose;
    if (fd >= 0)
        fd = ps_backend_hold(fd, &error);
    if (fd >= 0)
        return fd;
    /* others are of this address: another may do */
    transfer->no_socket =
        error.sys_errno == EMFILE || error.sys_errno == ENFILE ? error.sys_errno : 0;
    return CURL_SOCKET_BAD;
}

static int close_socket(void *unused, curl_socket_t fd)
{
    (void)unused;
    ps_backend_unhold(fd);
    return 0;
}

/* --- settings -------------------------------------------------------------------------- */

/* Proxies are the environment's, but never for this machine. */
static CURLcode set_no_proxy(CURL *curl, const struct http_store *store)
{
    const char *given = getenv("no_proxy") != NULL ? getenv("no_proxy") : getenv("NO_PROXY");
    char list[4096];
    int length = snprintf(list, sizeof(list), "localhost,127.0.0.1,127.0.0.0/8,::1%s%s",
                          given != NULL ? "," : "", given != NULL ? given : "");

    if (store->is_near || (given != NULL && strcmp(given, "*") == 0))
        return curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    return length < (int)sizeof(list) ? curl_easy_setopt(curl, CURLOPT_NOPROXY, list)
                                      : CURLE_OUT_OF_MEMORY;
}

/* The variables of curl's own program, and of OpenSSL. */
static CURLcode set_certificates(CURL *curl)
{
    const char *file = getenv("CURL_CA_BUNDLE"), *folder = getenv("SSL_CERT_DIR");
    CURLcode code = CURLE_OK;

    if (file == NULL || file[0] == '\0')
        file = getenv("SSL_CERT_FILE");
    if (file != NULL && file[0] != '\0')
        code = curl_easy_setopt(curl, CURLOPT_CAINFO, file);
    if (code == CURLE_OK && folder != NULL && folder[0] != '\0')
        code = curl_easy_setopt(curl, CURLOPT_CAPATH, folder);
    return code;
}

static CURLcode set_up(struct http_transfer *transfer)
{
    CURL *curl = transfer->curl;
    long connect_ms = (long)(transfer->store->connect_ns / 1000000);
    long timeout_ms = (long)(transfer->timeout_ns / 1000000);
    CURLcode code = CURLE_OK;

    HTTP_SET(CURLOPT_NOSIGNAL, 1L);
    HTTP_SET(CURLOPT_NOPROGRESS, 0L);
    HTTP_SET(CURLOPT_XFERINFOFUNCTION, watch);
    HTTP_SET(CURLOPT_XFERINFODATA, transfer);
    HTTP_SET(CURLOPT_CONNECTTIMEOUT_MS, connect_ms > 0 ? connect_ms : timeout_ms);
    HTTP_SET(CURLOPT_TIMEOUT_MS, transfer->store->is_near ? timeout_ms : 0L);
    HTTP_SET(CURLOPT_HEADERFUNCTION, take_line);
    HTTP_SET(CURLOPT_HEADERDATA, transfer);
    HTTP_SET(CURLOPT_WRITEFUNCTION, take_body);
    HTTP_SET(CURLOPT_WRITEDATA, transfer);
    HTTP_SET(CURLOPT_RESOLVER_START_FUNCTION, http_lookup_begin);
    HTTP_SET(CURLOPT_RESOLVER_START_DATA, transfer);
    HTTP_SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    HTTP_SET(CURLOPT_OPENSOCKETDATA, transfer);
    HTTP_SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    HTTP_SET(CURLOPT_ERRORBUFFER, transfer->problem);
    HTTP_SET(CURLOPT_USERAGENT, "libps/" PS_VERSION_TEXT);
    HTTP_SET(CURLOPT_BUFFERSIZE, 256L << 10);
    HTTP_SET(CURLOPT_SHARE, transfer->store->shared);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* who asks for an address is not waited for: a deadline is one */
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
#endif
    if (code == CURLE_OK)
        code = set_no_proxy(curl, transfer->store);
    if (code == CURLE_OK)
        code = set_certificates(curl);
    return code;
}

/* --- the pool -------------------------------------------------------------------------- */

static struct http_transfer *transfer_new(struct http_store *store, struct ps_error *err)
{
    struct http_transfer *transfer = calloc(1, sizeof(*transfer));
    CURLcode code = CURLE_OUT_OF_MEMORY;

    if (transfer != NULL) {
        transfer->store = store;
        transfer->timeout_ns = store->timeout_ns;
        transfer->curl = curl_easy_init();
        if (transfer->curl != NULL)
            code = set_up(transfer);
        if (code == CURLE_OK)
            return transfer;
        http_transfers_free(transfer);
    }
    ps_error_set(err, code == CURLE_OUT_OF_MEMORY ? PS_E_NOMEM : PS_E_UNSUPPORTED, 0, "libcurl: %s",
                 curl_easy_strerror(code));
    return NULL;
}

void http_transfers_free(struct http_transfer *transfers)
{
    while (transfers != NULL) {
        struct http_transfer *transfer = transfers;

        transfers = transfer->next;
        curl_easy_cleanup(transfer->curl);
        free(transfer);
    }
}

struct http_transfer *http_transfer_get(struct http_store *store, struct ps_error *err)
{
    struct http_transfer *transfer;

    pthread_mutex_lock(&store->lock);
    transfer = store->idle;
    if (transfer != NULL)
        store->idle = transfer->next;
    pthread_mutex_unlock(&store->lock);
    return transfer != NULL ? transfer : transfer_new(store, err);
}

void http_transfer_put(struct http_transfer *transfer)
{
    struct http_store *store = transfer->store;
    struct http_transfer **at, *unused;
    uint64_t now = module_now();

    pthread_mutex_lock(&store->lock);
    transfer->used_ns = now;
    transfer->next = store->idle;
    store->idle = transfer;
    /* each was put before the one in front of it */
    for (at = &store->idle; *at != NULL && now - (*at)->used_ns <= store->timeout_ns;)
        at = &(*at)->next;
    unused = *at;
    *at = NULL;
    pthread_mutex_unlock(&store->lock);
    http_transfers_free(unused);
}

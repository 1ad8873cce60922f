/* http_transfer.c: see http.h */
#include "http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Options came with releases of libcurl: of those that keep a promise, all must be known. */
#if LIBCURL_VERSION_NUM >= 0x075500
#define PROTOCOLS       CURLOPT_PROTOCOLS_STR
#define REDIR_PROTOCOLS CURLOPT_REDIR_PROTOCOLS_STR
#define HTTP_ONLY       "http,https"
#define HTTPS_ONLY      "https"
#else
#define PROTOCOLS       CURLOPT_PROTOCOLS
#define REDIR_PROTOCOLS CURLOPT_REDIR_PROTOCOLS
#define HTTP_ONLY       (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)
#define HTTPS_ONLY      (long)CURLPROTO_HTTPS
#endif

uint64_t http_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* --- called by libcurl --------------------------------------------------------------- */

static size_t take_line(char *line, size_t one, size_t size, void *argument)
{
    struct http_transfer *transfer = argument;

    http_reply_line(&transfer->reply, line, one * size);
    return one * size;
}

/* That a little of it is read keeps the connection. */
static bool keep_page(struct http_reply *reply, const char *bytes, size_t size)
{
    size_t room = sizeof(reply->page) - 1 - reply->page_size, kept = size < room ? size : room;

    memcpy(reply->page + reply->page_size, bytes, kept);
    reply->page_size += kept;
    reply->page[reply->page_size] = '\0';
    return size <= 16 * sizeof(reply->page);
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

static size_t give_body(char *to, size_t one, size_t size, void *argument)
{
    struct http_body *body = argument;
    uint64_t left = body->size - body->sent;
    size_t count = one * size < left ? one * size : (size_t)left;

    if (body->content == NULL)
        memcpy(to, body->text + body->sent, count);
    else if (count > 0 && body->content->read(body->content, to, count, body->offset + body->sent,
                                              &body->error) < 0)
        return CURL_READFUNC_ABORT;
    body->sent += count;
    return count;
}

/* It has to be sent again, over another connection. */
static int rewind_body(void *argument, curl_off_t to, int origin)
{
    struct http_body *body = argument;

    if (origin != SEEK_SET || to < 0 || (uint64_t)to > body->size)
        return CURL_SEEKFUNC_FAIL;
    body->sent = (uint64_t)to;
    return CURL_SEEKFUNC_OK;
}

/* At least once a second, whatever it waits for. */
static int watch(void *argument, curl_off_t total, curl_off_t now, curl_off_t up, curl_off_t up_now)
{
    struct http_transfer *transfer = argument;

    (void)total, (void)now, (void)up, (void)up_now;
    transfer->is_late = http_now() - transfer->since_ns > transfer->timeout_ns;
    return transfer->is_late;
}

/* Sockets stay open between calls, where the program's own close passes by. */
static curl_socket_t open_socket(void *unused, curlsocktype purpose, struct curl_sockaddr *address)
{
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

    (void)unused, (void)purpose;
    if (fd >= 0)
        fd = ps_backend_hold(fd, NULL);
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int close_socket(void *unused, curl_socket_t fd)
{
    (void)unused;
    ps_backend_unhold(fd);
    return 0;
}

/* --- settings -------------------------------------------------------------------------- */

/* Proxies are the environment's, but never for this machine. */
static CURLcode set_no_proxy(CURL *curl)
{
    const char *given = getenv("no_proxy") != NULL ? getenv("no_proxy") : getenv("NO_PROXY");
    char list[4096];
    int length = snprintf(list, sizeof(list), "localhost,127.0.0.1,127.0.0.0/8,::1%s%s",
                          given != NULL ? "," : "", given != NULL ? given : "");

    if (given != NULL && strcmp(given, "*") == 0)
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

/* Never to another host than the URL's: libcurl sees to it, also when it is redirected. */
static CURLcode set_login(CURL *curl, const struct http_store *store)
{
    CURLcode code = CURLE_OK;

    if (store->token[0] != '\0') {
        code = curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, store->token);
        if (code == CURLE_OK)
            code = curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    } else if (store->login[0] != '\0') {
        code = curl_easy_setopt(curl, CURLOPT_USERPWD, store->login);
    } else {
        code = curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
    }
    return code;
}

#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (code == CURLE_OK)                                                                      \
            code = curl_easy_setopt(curl, option, value);                                          \
    } while (0)

static CURLcode set_up(struct http_transfer *transfer)
{
    CURL *curl = transfer->curl;
    bool is_safe = strncmp(transfer->store->folder, "https:", 6) == 0;
    CURLcode code = CURLE_OK;

    SET(PROTOCOLS, HTTP_ONLY);
    SET(REDIR_PROTOCOLS, is_safe ? HTTPS_ONLY : HTTP_ONLY);
    SET(CURLOPT_FOLLOWLOCATION, 1L);
    SET(CURLOPT_MAXREDIRS, 10L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, watch);
    SET(CURLOPT_XFERINFODATA, transfer);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(transfer->timeout_ns / 1000000));
    SET(CURLOPT_HEADERFUNCTION, take_line);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    SET(CURLOPT_ERRORBUFFER, transfer->problem);
    SET(CURLOPT_USERAGENT, "libps/" PS_VERSION_TEXT);
    SET(CURLOPT_BUFFERSIZE, 256L << 10);
    SET(CURLOPT_SHARE, transfer->store->shared);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* who asks for an address is not waited for: a deadline is one */
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
#endif
    if (code == CURLE_OK)
        code = set_no_proxy(curl);
    if (code == CURLE_OK)
        code = set_certificates(curl);
    if (code == CURLE_OK)
        code = set_login(curl, transfer->store);
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
        http_transfer_free(transfer);
    }
    ps_error_set(err, code == CURLE_OUT_OF_MEMORY ? PS_E_NOMEM : PS_E_UNSUPPORTED, 0, "libcurl: %s",
                 curl_easy_strerror(code));
    return NULL;
}

void http_transfer_free(struct http_transfer *transfer)
{
    curl_easy_cleanup(transfer->curl);
    free(transfer);
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

    pthread_mutex_lock(&store->lock);
    transfer->next = store->idle;
    store->idle = transfer;
    pthread_mutex_unlock(&store->lock);
}

/* --- one request ------------------------------------------------------------------------ */

/* The key in one piece of the path: RFC 3986, 2.3. */
static bool write_url(char out[HTTP_URL_MAX], const struct http_store *store,
                      const struct http_request *request)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    const char *query = request->query != NULL ? request->query : store->query;
    const char *key = request->key != NULL ? request->key : "";
    int used = snprintf(out, HTTP_URL_MAX, "%s/", store->folder);

    for (; *key != '\0' && used < HTTP_URL_MAX; key++)
        used += snprintf(out + used, (size_t)(HTTP_URL_MAX - used),
                         strchr(plain, *key) != NULL ? "%c" : "%%%02X", (unsigned char)*key);
    if (used < HTTP_URL_MAX)
        used += snprintf(out + used, (size_t)(HTTP_URL_MAX - used), "%s", query);
    return used < HTTP_URL_MAX;
}

/* Ranges are of the bytes as they are; and no answer is awaited before a body is sent. */
static struct curl_slist *make_headers(const struct http_request *request)
{
    const char *const lines[] = {"Accept-Encoding: identity", "Expect:", request->condition};
    struct curl_slist *headers = NULL, *more;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (lines[i] == NULL || lines[i][0] == '\0')
            continue;
        more = curl_slist_append(headers, lines[i]);
        if (more == NULL) {
            curl_slist_free_all(headers);
            return NULL;
        }
        headers = more;
    }
    return headers;
}

static CURLcode set_body(CURL *curl, struct http_body *body)
{
    CURLcode code = CURLE_OK;

    if (body == NULL) { /* after a put it is a GET again */
        SET(CURLOPT_HTTPGET, 1L);
        return code;
    }
    body->sent = 0;
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)body->size);
    SET(CURLOPT_READFUNCTION, give_body);
    SET(CURLOPT_READDATA, body);
    SET(CURLOPT_SEEKFUNCTION, rewind_body);
    SET(CURLOPT_SEEKDATA, body);
    return code;
}

static int set_request(struct http_transfer *transfer, struct curl_slist **headers,
                       const struct http_request *request, struct ps_error *err)
{
    struct http_store *store = transfer->store;
    CURL *curl = transfer->curl;
    char url[HTTP_URL_MAX];
    CURLcode code = CURLE_OK;
    int result;

    if (!write_url(url, store, request))
        return ps_error_set(err, PS_E_INVALID, 0, "too long a URL: '%.100s'", request->key);
    *headers = make_headers(request);
    if (*headers == NULL)
        return ps_error_set(err, PS_E_NOMEM, 0, "no memory for a request");
    result = store->sign != NULL ? store->sign(store, headers, url, request, err) : 0;
    if (result < 0)
        return result;
    code = set_body(curl, request->body);
    SET(CURLOPT_CUSTOMREQUEST, request->method);
    SET(CURLOPT_URL, url);
    SET(CURLOPT_RANGE, request->range);
    SET(CURLOPT_HTTPHEADER, *headers);
    return code == CURLE_OK ? 0 : ps_error_set(err, PS_E_NOMEM, 0, "no memory for a request");
}

struct curl_slist *http_ask(struct http_transfer *transfer, const struct http_request *request,
                            struct ps_error *err)
{
    struct curl_slist *headers = NULL;

    if (set_request(transfer, &headers, request, err) < 0) {
        curl_slist_free_all(headers);
        return NULL;
    }
    transfer->reply = (struct http_reply){0};
    transfer->is_late = transfer->is_enough = false;
    transfer->sink = request->sink;
    transfer->to = request->to;
    transfer->problem[0] = '\0';
    transfer->since_ns = http_now();
    return headers;
}

int http_failed(const struct http_transfer *transfer, CURLcode code, struct ps_error *err)
{
    const char *text = transfer->problem[0] != '\0' ? transfer->problem : curl_easy_strerror(code);

    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && transfer->is_enough))
        return 0;
    if (transfer->is_late || code == CURLE_OPERATION_TIMEDOUT)
        return ps_error_set(err, PS_E_UNAVAILABLE, ETIMEDOUT, "no complete answer within %.3g s",
                            (double)transfer->timeout_ns / 1e9);
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return ps_error_set(err, PS_E_NOMEM, 0, "libcurl: %s", text);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
        return ps_error_set(err, PS_E_REFUSED, 0, "%s", text);
    case CURLE_URL_MALFORMAT:
        return ps_error_set(err, PS_E_INVALID, 0, "not a URL of HTTP");
    case CURLE_UNSUPPORTED_PROTOCOL:
        return ps_error_set(err, PS_E_REFUSED, 0, "a redirect away from HTTP, or from HTTPS");
    case CURLE_TOO_MANY_REDIRECTS:
        return ps_error_set(err, PS_E_SYSTEM, ELOOP, "more than 10 redirects");
    default:
        return ps_error_set(err, PS_E_UNAVAILABLE, 0, "%s", text);
    }
}

int http_get(struct http_transfer *transfer, const struct http_request *request,
             struct ps_error *err)
{
    struct ps_error own = {0};
    struct curl_slist *headers = http_ask(transfer, request, &own);
    int result =
        headers == NULL ? own.code : http_failed(transfer, curl_easy_perform(transfer->curl), &own);

    curl_slist_free_all(headers);
    if (request->body != NULL && request->body->error.code != 0)
        own = request->body->error; /* which is why it did not end */
    if (result < 0)
        ps_error_set(err, own.code, 0, "%s", own.message);
    return result < 0 ? own.code : 0;
}

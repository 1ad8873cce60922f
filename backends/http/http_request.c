/* http_request.c: see http.h */
#include "http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- its body ---------------------------------------------------------------------------- */

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

bool http_body_goes_on(struct http_body *body)
{
    char none;

    return body->content == NULL ||
           body->content->read(body->content, &none, 0, body->sent, &body->error) == 0;
}

int http_body_failed(const struct http_body *body, struct ps_error *err)
{
    if (err != NULL && err->code == 0)
        *err = body->error;
    return body->error.code;
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

/* --- the request -------------------------------------------------------------------------- */

/* The key is one piece of the path. */
static bool write_url(char out[HTTP_URL_MAX], struct http_store *store,
                      const struct http_request *request)
{
    const char *query = request->query != NULL ? request->query : store->query;
    char *key = curl_easy_escape(NULL, request->key, 0);
    bool fits;

    pthread_mutex_lock(&store->lock);
    fits = key != NULL &&
           snprintf(out, HTTP_URL_MAX, "%.*s/%s%s", (int)(strlen(store->folder) - request->cut),
                    store->folder, key, query) < HTTP_URL_MAX;
    pthread_mutex_unlock(&store->lock);
    curl_free(key);
    return fits;
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

static CURLcode set_body(CURL *curl, struct http_body *body, bool is_head)
{
    CURLcode code = CURLE_OK;

    if (body == NULL) { /* after a put it is a GET again */
        HTTP_SET(CURLOPT_HTTPGET, 1L);
        if (is_head)
            HTTP_SET(CURLOPT_NOBODY, 1L);
        return code;
    }
    body->sent = 0;
    HTTP_SET(CURLOPT_UPLOAD, 1L);
    HTTP_SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)body->size);
    HTTP_SET(CURLOPT_READFUNCTION, give_body);
    HTTP_SET(CURLOPT_READDATA, body);
    HTTP_SET(CURLOPT_SEEKFUNCTION, rewind_body);
    HTTP_SET(CURLOPT_SEEKDATA, body);
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
    code = set_body(curl, request->body,
                    request->method != NULL && strcmp(request->method, "HEAD") == 0);
    HTTP_SET(CURLOPT_CUSTOMREQUEST, request->method);
    HTTP_SET(HTTP_PROTOCOLS, HTTP_ANY);
    HTTP_SET(CURLOPT_URL, url);
    HTTP_SET(CURLOPT_RANGE, request->range);
    HTTP_SET(CURLOPT_HTTPHEADER, *headers);
    if (code == CURLE_OK)
        code = http_set_login(transfer, true);
    return code == CURLE_OK ? 0 : ps_error_set(err, PS_E_NOMEM, 0, "no memory for a request");
}

struct curl_slist *http_ask(struct http_transfer *transfer, const struct http_request *request,
                            struct ps_error *err)
{
    struct curl_slist *headers = NULL;

    transfer->begun_ns = module_now();
    if (set_request(transfer, &headers, request, err) < 0) {
        curl_slist_free_all(headers);
        return NULL;
    }
    transfer->reply = (struct http_reply){0};
    transfer->is_late = transfer->is_overdue = transfer->is_enough = false;
    transfer->sink = request->sink;
    transfer->to = request->to;
    transfer->body = request->body;
    transfer->redirects = 0;
    transfer->lookup = LOOKUP_NONE;
    transfer->problem[0] = '\0';
    transfer->no_socket = 0;
    transfer->since_ns = request->since_ns != 0 ? request->since_ns : module_now();
    return headers;
}

int http_failed(const struct http_transfer *transfer, CURLcode code, struct ps_error *err)
{
    const char *text = transfer->problem[0] != '\0' ? transfer->problem : curl_easy_strerror(code);
    long connected = 0; /* what an HTTP proxy has said, that a tunnel was asked of */

    http_lookup_end(transfer, code);
    /* to libcurl an answer that ends in its head is one without a body: of no version, say */
    if (code == CURLE_OK && !transfer->reply.is_whole)
        return ps_error_set(err, PS_E_UNAVAILABLE, 0, "the answer breaks off in its head");
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && transfer->is_enough))
        return 0;
    if (transfer->is_overdue)
        return ps_error_set(err, PS_E_UNAVAILABLE, ETIMEDOUT, "no complete answer in time");
    if (transfer->is_late || code == CURLE_OPERATION_TIMEDOUT)
        return ps_error_set(err, PS_E_UNAVAILABLE, ETIMEDOUT, "no complete answer within %.3g s",
                            (double)transfer->timeout_ns / 1e9);
    curl_easy_getinfo(transfer->curl, CURLINFO_HTTP_CONNECTCODE, &connected);
    if (connected >= 400 && connected < 500)
        return ps_error_set(err, PS_E_REFUSED, 0, "the HTTP proxy refuses a tunnel (status %ld)",
                            connected);
    if (code == CURLE_COULDNT_CONNECT && transfer->no_socket != 0) /* to libcurl it is the server */
        return ps_error_set(err, PS_E_UNAVAILABLE, transfer->no_socket, "no socket");
    if (transfer->lookup == LOOKUP_REFUSED)
        return ps_error_set(err, PS_E_UNAVAILABLE, 0, "looking up names takes too long");
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
    case CURLE_UNSUPPORTED_PROTOCOL: /* what answers may not speak HTTP at all, too */
        if (transfer->reply.status < 300 || transfer->reply.status >= 400)
            return ps_error_set(err, PS_E_UNAVAILABLE, 0, "%s", text);
        return ps_error_set(err, PS_E_REFUSED, 0, "a redirect away from HTTP, or from HTTPS");
    default:
        return ps_error_set(err, PS_E_UNAVAILABLE, 0, "%s", text);
    }
}

int http_again(const struct http_transfer *transfer, int result, struct ps_error *err)
{
    struct http_store *store = transfer->store;

    return result == 0 && transfer->reply.status >= 300 && store->again != NULL
               ? store->again(store, transfer, err)
               : result;
}

static int get_once(struct http_transfer *transfer, const struct http_request *request,
                    struct ps_error *err)
{
    struct ps_error own = {0};
    struct curl_slist *headers = http_ask(transfer, request, &own);
    int result = headers == NULL ? own.code : 1;

    while (result == 1) {
        result = http_failed(transfer, curl_easy_perform(transfer->curl), &own);
        if (result == 0)
            result = http_follow(transfer, &own);
    }
    curl_slist_free_all(headers);
    if (result < 0 && request->body != NULL && request->body->error.code != 0)
        return http_body_failed(request->body, err); /* which is why it did not end */
    if (result < 0)
        ps_error_set(err, own.code, 0, "%s", own.message);
    return result < 0 ? own.code : 0;
}

int http_get(struct http_transfer *transfer, const struct http_request *request,
             struct ps_error *err)
{
    int result = http_again(transfer, get_once(transfer, request, err), err);

    return result == 1 ? get_once(transfer, request, err) : result;
}

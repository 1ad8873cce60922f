/*
 * http.h: what the files of the http backend share
 *
 * An object is what a GET of its URL gives. It is read in ranges, each of which
 * the server must call a part of the same version; a server that knows no
 * ranges gives one stream, which is kept in a file as far as it has come.
 */
#ifndef HTTP_H
#define HTTP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>

#include <ps/backend.h>

#include "../module.h"

enum { HTTP_URL_MAX = 2 * PS_URI_MAX, HTTP_TEXT_MAX = 512 };

struct http_request;
struct http_sum;
struct http_transfer;

struct http_store {
    char folder[PS_URI_MAX];   /* "https://host/path", without a slash at its end; under lock */
    char query[PS_URI_MAX];    /* "?...", or "" */
    char login[HTTP_TEXT_MAX]; /* "user:password", or "" */
    char token[HTTP_TEXT_MAX]; /* a bearer's, or "" */
    /* adds headers to a request for this URL; NULL: none are needed. Negative: it can't be made */
    int (*sign)(struct http_store *store, struct curl_slist **headers, const char *url,
                const struct http_request *request, struct ps_error *err);
    void *signer;
    /* of a refusal: 1: ask once more, as something has changed; 0: it stands. NULL: all stand */
    int (*again)(struct http_store *store, const struct http_transfer *transfer,
                 struct ps_error *err);
    /* of a whole object: is this the sum of its bytes? NULL: none is asked for */
    int (*check)(const struct http_sum *sum, const char *key, const struct ps_content *content,
                 struct ps_error *err);
    bool is_near;        /* at this machine: behind no proxy; timeout_ns is for all of a request */
    uint64_t connect_ns; /* that a connection may take; 0: timeout_ns */
    uint64_t timeout_ns; /* that a request may take, or the next bytes of a stream */
    CURLSH *shared;      /* addresses and TLS sessions, for all transfers */
    pthread_mutex_t share_locks[CURL_LOCK_DATA_LAST];
    pthread_mutex_t lock; /* protects what follows */
    bool was_lookup_left; /* the last one that ended had not found the name, nor that there is none
                           */
    uint64_t lookup_ns;   /* when the last one began */
    struct http_transfer *idle;
    struct http_stream *streams;
};

/* --- http_store.c -------------------------------------------------------------------- */

/* http_start: libcurl and OpenSSL are ready; false: they can't be */
bool http_start(void);

/* http_take_timeout: take the option out of a store's URL */
int http_take_timeout(struct http_store *store, char *url, struct ps_error *err);

/* http_store_start: of zeros, and of what its URL has said; http_store_stop closes all but itself
 */
int http_store_start(struct http_store *store, struct ps_error *err);
void http_store_stop(struct http_store *store);

/* --- http_object.c: members of the backend -------------------------------------------- */
int http_stat(void *handle, const char *key, struct ps_object_info *info, struct ps_error *err);
int http_read(void *handle, const char *key, const struct ps_object_info *expected, void *buffer,
              size_t size, uint64_t offset, struct ps_error *err);

/* --- http_reply.c: what a server says before the bytes, and what to think of it ------- */

/* Of all bytes of an object, or of one of its parts, as S3 says it: "sha256", and in base64. */
struct http_sum {
    char kind[16]; /* "": it says none */
    char text[48];
};

/* The last one of a chain of redirects. Numbers that it does not say are PS_SIZE_UNKNOWN. */
struct http_reply {
    long status;
    bool is_whole;             /* all of its head is here */
    uint64_t length;           /* of its body, in bytes */
    uint64_t first, last;      /* of the range */
    uint64_t size;             /* of the object */
    bool is_coded;             /* compressed, say: these are not the object's bytes */
    char tag[PS_VERSION_MAX];  /* its ETag as it is, or "" */
    char date[PS_VERSION_MAX]; /* its Last-Modified, or "" */
    char region[64];           /* of the bucket, as S3 says it, or "" */
    struct http_sum sum;
    bool is_of_parts;            /* the server has sums of the parts of an upload, and says those */
    time_t now;                  /* by its own clock; 0 or -1: it does not say */
    uint64_t after_s;            /* when a refused request may be made again, or 0 */
    time_t after;                /* the same as a date, or 0 */
    char page[1024];             /* the begin of what it says of a failure */
    size_t page_size, page_come; /* of it; of all of it */
};

/* http_reply_line: take one line of the head; the first one of a head clears the rest */
void http_reply_line(struct http_reply *reply, const char *line, size_t size);

/* http_reply_version: its ETag, else its date */
const char *http_reply_version(const struct http_reply *reply);

/* http_condition: the header by which a server checks the version itself; "" where there is none */
void http_condition(char header[HTTP_TEXT_MAX], const char *version);

/* http_element: the text of an element of XML; "" where it is not there, or too long */
void http_element(char *out, size_t size, const char *text, const char *name);

/* http_refusal: what a status means that is neither 200 nor 206 */
int http_refusal(const struct http_reply *reply, const char *key, struct ps_error *err);

/* http_reply_check: is it of the object that is expected? PS_E_STALE */
int http_reply_check(const struct http_reply *reply, const struct ps_object_info *expected,
                     const char *key, struct ps_error *err);

/* --- http_transfer.c: one request at a time, and its connection ---------------------- */

/* Takes bytes of the body; false: no more are wanted. */
typedef bool http_sink(void *to, const char *bytes, size_t size);

struct http_transfer {
    struct http_store *store;
    CURL *curl;
    struct http_reply reply;
    uint64_t begun_ns;             /* before it was signed */
    uint64_t timeout_ns, since_ns; /* counted from when: its begin, or what the sink says */
    http_sink *sink;
    void *to;
    struct http_body *body;              /* of a put; NULL: none */
    curl_off_t sent;                     /* of it, when it was looked at last */
    bool is_late, is_overdue, is_enough; /* overdue: the deadline of who waits */
    int no_socket;                       /* why it got none, or 0 */
    int redirects;                       /* that were followed */
    enum { LOOKUP_NONE, LOOKUP_BEGUN, LOOKUP_REFUSED } lookup; /* of a name */
    char problem[CURL_ERROR_SIZE];
    struct http_transfer *next; /* idle, too; the last used first */
    uint64_t used_ns;           /* when it was put */
};

/* http_transfer_get: one that is idle, or a new one; NULL: no memory */
struct http_transfer *http_transfer_get(struct http_store *store, struct ps_error *err);

/* http_transfer_put: it is idle; those that have been for as long as a request may take go, with
 * their connections */
void http_transfer_put(struct http_transfer *transfer);
void http_transfers_free(struct http_transfer *transfers);

/* --- http_request.c --------------------------------------------------------------------- */

/* HTTP_SET(option, value): unless one before has failed */
#define HTTP_SET(option, value)                                                                    \
    do {                                                                                           \
        if (code == CURLE_OK)                                                                      \
            code = curl_easy_setopt(curl, option, value);                                          \
    } while (0)

/* Options came with releases of libcurl: of those that keep a promise, all must be known. */
#if LIBCURL_VERSION_NUM >= 0x075500
#define HTTP_PROTOCOLS CURLOPT_PROTOCOLS_STR
#define HTTP_ANY       "http,https"
#define HTTP_ONLY_SAFE "https"
#else
#define HTTP_PROTOCOLS CURLOPT_PROTOCOLS
#define HTTP_ANY       (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)
#define HTTP_ONLY_SAFE (long)CURLPROTO_HTTPS
#endif

/* What is sent: bytes of a put, from offset on, or a text. */
struct http_body {
    const struct ps_content *content; /* NULL: text */
    const char *text;
    uint64_t offset, size;
    uint64_t sent;
    char sum[48];          /* that is told with it, by who signs it; or "" */
    struct ps_error error; /* of reading the content */
};

/* What is asked for. Zeros: a GET of all. */
struct http_request {
    const char *method;
    const char *key;
    size_t cut;            /* so many letters of the folder's end are left out */
    const char *query;     /* all that follows the key; NULL: the store's */
    const char *range;     /* "first-last" */
    const char *condition; /* a header; "" as well: none */
    bool wants_sum;        /* for who signs it */
    bool tells_sum;        /* the same: of its body; or of parts, which it begins */
    struct http_body *body;
    uint64_t since_ns; /* its timeout counts from then; 0: from when it is asked for */
    http_sink *sink;   /* of the answer, unless that says that something is wrong */
    void *to;
};

/*
 * http_ask: make it the transfer's next
 *
 * What it returns is to be freed after the transfer; NULL: err says why not.
 */
struct curl_slist *http_ask(struct http_transfer *transfer, const struct http_request *request,
                            struct ps_error *err);

/* http_body_goes_on: false: who puts it wants no more, which is its error then */
bool http_body_goes_on(struct http_body *body);

/* http_body_failed: its error is that of its put */
int http_body_failed(const struct http_body *body, struct ps_error *err);

/* http_failed: what a transfer that ended with code means; 0: it is all here, or was enough */
int http_failed(const struct http_transfer *transfer, CURLcode code, struct ps_error *err);

/* http_again: a transfer that ended with this result: 1: it is to be asked for once more */
int http_again(const struct http_transfer *transfer, int result, struct ps_error *err);

/* http_get: ask, and wait until it is here */
int http_get(struct http_transfer *transfer, const struct http_request *request,
             struct ps_error *err);

/* --- http_lookup.c ----------------------------------------------------------------------- */

/* http_lookup_begin: libcurl asks before each; not 0: not now */
int http_lookup_begin(void *state, void *reserved, void *transfer);

/* http_lookup_end: the transfer is over */
void http_lookup_end(const struct http_transfer *transfer, CURLcode code);

/* --- http_redirect.c -------------------------------------------------------------------- */

/* http_set_login: what the next request tells who it is from; is_own: it goes to the store's URL */
CURLcode http_set_login(struct http_transfer *transfer, bool is_own);

/*
 * http_follow: of a transfer that ended well: 1: it is set to where the answer
 * sends it, and to be done once more; 0: it sends it nowhere
 */
int http_follow(struct http_transfer *transfer, struct ps_error *err);

/* --- http_stream.c: objects of servers that know no ranges --------------------------- */

/* http_stream_read: as read of the backend */
int http_stream_read(struct http_store *store, const char *key,
                     const struct ps_object_info *expected, void *buffer, size_t size,
                     uint64_t offset, struct ps_error *err);

/* --- http_streams.c ---------------------------------------------------------------------- */

enum http_way {
    HTTP_BY_RANGE,
    HTTP_BY_STREAM,
    HTTP_BY_EITHER /* a range may be had by now; else the stream */
};

/*
 * http_stream_way: how bytes before until are to be read
 *
 * One answer of 200 need not be the server's last word, as a proxy on the way may have given it. So
 * from time to time, ever more seldom, a range is asked for again.
 */
enum http_way http_stream_way(struct http_store *store, const char *key,
                              const struct ps_object_info *expected, uint64_t until);

/* http_stream_over: ranges of this object can be had again */
void http_stream_over(struct http_store *store, const char *key,
                      const struct ps_object_info *expected);
void http_streams_close(struct http_store *store);

#endif

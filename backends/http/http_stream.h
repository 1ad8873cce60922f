/* http_stream.h: one stream: http_stream.c; those of a store: http_streams.c */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include <stdatomic.h>

#include "http.h"

enum {
    HTTP_STREAM_WORTH = 1 << 20 /* bytes for which a request more is nothing */
};

struct http_stream {
    struct http_stream
        *next;         /* the last read first; this and what follows: under the store's lock */
    unsigned users;    /* threads that read it */
    uint64_t used_ns;  /* when it was last read */
    uint64_t again_ns; /* when a range is asked for again */
    uint64_t wait_ns;  /* how long after that once more */
    bool is_over;      /* ranges can be had again */
    char *key;
    struct ps_object_info info;     /* that was asked for: which stream this is */
    uint64_t size;                  /* PS_SIZE_UNKNOWN: until the answer says it, or ends */
    _Atomic bool is_whole;          /* the answer has ended well */
    int file;                       /* the bytes so far; a number of ps_backend_hold */
    _Atomic uint64_t come;          /* of them */
    pthread_mutex_t lock;           /* protects is_moving */
    pthread_cond_t moved;           /* more has come, or nobody moves it any more */
    bool is_moving;                 /* by one thread, whose the rest is meanwhile */
    CURLM *multi;                   /* with its connection; NULL as transfer is */
    struct http_transfer *transfer; /* the answer that comes; NULL: none does */
    struct curl_slist *headers;
    uint64_t skip;  /* bytes of it that came before, with the answer that broke off */
    uint64_t timed; /* bytes that have come since the timeout began */
    bool is_seen;
    unsigned failures; /* of moving it on; under the lock, with the last one */
    struct ps_error failure;
    int result; /* of taking its bytes */
    struct ps_error error;
};

/* http_stream_end: the answer is over, or wanted no more; by who moves it, or the last who has it
 */
void http_stream_end(struct http_stream *stream);

/* http_stream_get: that of this version, or a new one; NULL: err says why not. Until it is put */
struct http_stream *http_stream_get(struct http_store *store, const char *key,
                                    const struct ps_object_info *info, struct ps_error *err);
void http_stream_put(struct http_store *store, struct http_stream *stream);

#endif

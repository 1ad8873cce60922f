/*
 * http_stream.c: objects of servers that know no ranges
 *
 * One answer is kept, as far as it has come, in a file without a name. Who
 * needs more of it has it go on, and stops when that is here; so no more is
 * moved than up to the last byte that anybody needed. It waits in the network's
 * buffers meanwhile. Where it breaks off it is asked for again from its start,
 * if it has a version by which both are known to be the same.
 */
#include "http_stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
    WAIT_MS = 1000,
    LEAST = 64 << 10 /* bytes that have to come within the timeout: less is as good as nothing */
};

/* --- its bytes -------------------------------------------------------------------------- */

static int write_more(struct http_stream *stream, const char *bytes, size_t size)
{
    uint64_t come = atomic_load(&stream->come);

    if (size > stream->size - come)
        return ps_error_set(&stream->error, PS_E_CORRUPT, 0, "'%.100s': more bytes than it has",
                            stream->key);
    while (size > 0) {
        ssize_t written = pwrite(stream->file, bytes, size, (off_t)come);

        if (written < 0)
            return ps_error_set(&stream->error, PS_E_SYSTEM, errno,
                                "'%.60s' is kept in a file, as its server knows no ranges",
                                stream->key);
        bytes += written;
        size -= (size_t)written;
        come += (uint64_t)written;
        atomic_store(&stream->come, come); /* after the bytes, which are read without a lock */
    }
    return 0;
}

static bool sink_stream(void *to, const char *bytes, size_t size)
{
    struct http_stream *stream = to;
    const struct http_reply *reply = &stream->transfer->reply;
    size_t skipped;

    stream->timed += size;
    if (stream->timed >= LEAST) {
        stream->timed = 0;
        stream->transfer->since_ns = module_now();
        ps_backend_moved();
    }
    if (!stream->is_seen) {
        stream->is_seen = true;
        stream->result = reply->status != 200
                             ? http_refusal(reply, stream->key, &stream->error)
                             : http_reply_check(reply, &stream->info, stream->key, &stream->error);
        if (stream->size == PS_SIZE_UNKNOWN)
            stream->size = reply->length;
    }
    skipped = size < stream->skip ? size : (size_t)stream->skip;
    stream->skip -= skipped;
    if (stream->result == 0)
        stream->result = write_more(stream, bytes + skipped, size - skipped);
    return stream->result == 0;
}

/* --- its answer -------------------------------------------------------------------------- */

static int begin(struct http_stream *stream, struct http_store *store, struct ps_error *err)
{
    char condition[HTTP_TEXT_MAX];
    const struct http_request request = {
        .key = stream->key, .condition = condition, .sink = sink_stream, .to = stream};

    stream->transfer = http_transfer_get(store, err);
    if (stream->transfer == NULL)
        return err->code;
    stream->multi = curl_multi_init();
    http_condition(condition, stream->info.version);
    stream->skip = atomic_load(&stream->come);
    stream->is_seen = false;
    stream->result = 0;
    stream->error = (struct ps_error){0};
    stream->headers = http_ask(stream->transfer, &request, err);
    if (stream->headers != NULL && stream->multi != NULL &&
        curl_multi_add_handle(stream->multi, stream->transfer->curl) == CURLM_OK)
        return 0;
    http_stream_end(stream);
    return ps_error_set(err, PS_E_NOMEM, 0, "no memory for a request");
}

/* With the multi goes the connection, which it would keep else. */
void http_stream_end(struct http_stream *stream)
{
    if (stream->transfer == NULL)
        return;
    curl_multi_remove_handle(stream->multi, stream->transfer->curl);
    curl_multi_cleanup(stream->multi);
    curl_slist_free_all(stream->headers);
    http_transfer_put(stream->transfer);
    stream->multi = NULL;
    stream->headers = NULL;
    stream->transfer = NULL;
}

/* 1: the answer is a redirect, which is followed */
static int go_on_elsewhere(struct http_stream *stream, struct ps_error *err)
{
    CURL *curl = stream->transfer->curl;
    int result = http_follow(stream->transfer, err);

    if (result == 1 && (curl_multi_remove_handle(stream->multi, curl) != CURLM_OK ||
                        curl_multi_add_handle(stream->multi, curl) != CURLM_OK))
        result = ps_error_set(err, PS_E_NOMEM, 0, "no memory for a request");
    return result;
}

/* How the answer has ended; PS_E_UNAVAILABLE as well where it is not all. */
static int take_end(struct http_stream *stream, CURLcode code, struct ps_error *err)
{
    struct http_reply *reply = &stream->transfer->reply;
    int result = stream->result;

    if (result < 0)
        ps_error_set(err, result, 0, "%s", stream->error.message);
    else
        result = http_failed(stream->transfer, code, err);
    if (result == 0)
        result = go_on_elsewhere(stream, err);
    if (result == 1)
        return 0;
    if (result == 0 && reply->status != 200)
        result = http_refusal(reply, stream->key, err);
    if (result == 0 && stream->size == PS_SIZE_UNKNOWN)
        stream->size = atomic_load(&stream->come);
    if (result == 0 && atomic_load(&stream->come) < stream->size)
        result =
            ps_error_set(err, PS_E_UNAVAILABLE, 0, "'%.100s': the answer breaks off", stream->key);
    stream->is_whole = result == 0;
    http_stream_end(stream);
    return result;
}

/* One step: 0 while it comes, and when it is all here. */
static int step(struct http_stream *stream, struct ps_error *err)
{
    CURLMsg *message;
    int running = 0, left;

    if (curl_multi_perform(stream->multi, &running) != CURLM_OK)
        return ps_error_set(err, PS_E_SYSTEM, 0, "libcurl can't go on");
    message = curl_multi_info_read(stream->multi, &left);
    if (message != NULL && message->msg == CURLMSG_DONE)
        return take_end(stream, message->data.result, err);
    return 0;
}

/* Move it on until so many bytes are here. By one thread. */
static int move(struct http_stream *stream, struct http_store *store, uint64_t until,
                struct ps_error *err)
{
    uint64_t before = atomic_load(&stream->come), seen = before;
    int result = 0;

    if (stream->transfer != NULL)
        stream->transfer->since_ns = module_now(); /* nobody has asked for more meanwhile */
    while (result == 0 && atomic_load(&stream->come) < until) {
        if (stream->is_whole)
            return ps_error_set(err, PS_E_CORRUPT, 0, "'%.100s' ends before byte %llu", stream->key,
                                (unsigned long long)until);
        if (stream->transfer == NULL) {
            if (before > 0 && stream->info.version[0] == '\0')
                return ps_error_set(err, PS_E_UNAVAILABLE, 0,
                                    "'%.80s' broke off, and has no version to go on by",
                                    stream->key);
            result = begin(stream, store, err);
            before = atomic_load(&stream->come);
        }
        if (result == 0)
            result = step(stream, err);
        if (result == PS_E_UNAVAILABLE &&
            atomic_load(&stream->come) >= before + HTTP_STREAM_WORTH) {
            before = atomic_load(&stream->come); /* it came some way: once more */
            ps_error_clear(err);
            result = 0;
            continue;
        }
        if (atomic_load(&stream->come) != seen) {
            seen = atomic_load(&stream->come);
            pthread_mutex_lock(&stream->lock); /* who found too little is waiting by now */
            pthread_cond_broadcast(&stream->moved);
            pthread_mutex_unlock(&stream->lock);
        } else if (result == 0 && stream->transfer != NULL) {
            curl_multi_wait(stream->multi, NULL, 0, WAIT_MS, NULL);
        }
    }
    return result;
}

/*
 * Until the bytes before until are here, by this thread or another. Who waits
 * for one that fails has failed with it: else each of them in turn would wait
 * as long again.
 */
static int wait_for(struct http_stream *stream, struct http_store *store, uint64_t until,
                    struct ps_error *err)
{
    unsigned failures;
    uint64_t seen = atomic_load(&stream->come);

    pthread_mutex_lock(&stream->lock);
    failures = stream->failures;
    while (err->code == 0 && atomic_load(&stream->come) < until) {
        if (stream->failures != failures) {
            *err = stream->failure;
        } else if (stream->is_moving) {
            pthread_cond_wait(&stream->moved, &stream->lock);
            if (atomic_load(&stream->come) - seen >= LEAST) {
                seen = atomic_load(&stream->come);
                ps_backend_moved();
            }
        } else {
            stream->is_moving = true;
            pthread_mutex_unlock(&stream->lock);
            move(stream, store, until, err);
            pthread_mutex_lock(&stream->lock);
            stream->is_moving = false;
            if (err->code != 0) {
                stream->failures++;
                stream->failure = *err;
            }
            pthread_cond_broadcast(&stream->moved);
        }
    }
    pthread_mutex_unlock(&stream->lock);
    return err->code;
}

static int read_back(struct http_stream *stream, char *buffer, size_t size, uint64_t offset,
                     struct ps_error *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(stream->file, buffer + done, size - done, (off_t)(offset + done));

        if (got <= 0)
            return ps_error_set(err, PS_E_SYSTEM, got < 0 ? errno : EIO, "reading '%.100s' again",
                                stream->key);
        done += (size_t)got;
    }
    return 0;
}

int http_stream_read(struct http_store *store, const char *key,
                     const struct ps_object_info *expected, void *buffer, size_t size,
                     uint64_t offset, struct ps_error *err)
{
    struct http_stream *stream = http_stream_get(store, key, expected, err);
    struct ps_error error = {0};
    int result;

    if (stream == NULL)
        return PS_E_SYSTEM;
    result = wait_for(stream, store, offset + size, &error);
    if (result < 0)
        ps_error_set(err, result, 0, "%s", error.message);
    else
        result = read_back(stream, buffer, size, offset, err);
    http_stream_put(store, stream);
    return result;
}

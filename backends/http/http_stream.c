/*
 * http_stream.c: objects of servers that know no ranges
 *
 * One answer is kept, as far as it has come, in a file without a name. Who
 * needs more of it has it go on, and stops when that is here; so no more is
 * moved than up to the last byte that anybody needed. It waits in the network's
 * buffers meanwhile. Where it breaks off it is asked for again from its start,
 * if it has a version by which both are known to be the same.
 */
#include "http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WAIT_MS = 1000,
    LEAST = 64 << 10, /* bytes that have to come within the timeout: less is as good as nothing */
    WORTH = 1 << 20   /* that an answer must have brought, to be gone on with at once */
};

struct http_stream {
    struct http_stream *next;
    char *key;
    struct ps_object_info info; /* that was asked for: which stream this is */
    uint64_t size;              /* PS_SIZE_UNKNOWN: until the answer says it, or ends */
    bool is_whole;              /* the answer has ended well */
    int file;                   /* the bytes so far; a number of ps_backend_hold */
    _Atomic uint64_t come;      /* of them */
    pthread_mutex_t lock;       /* protects is_moving */
    pthread_cond_t moved;       /* more has come, or nobody moves it any more */
    bool is_moving;             /* by one thread, whose the rest is meanwhile */
    CURLM *multi;
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
    http_condition(condition, stream->info.version);
    stream->skip = atomic_load(&stream->come);
    stream->is_seen = false;
    stream->result = 0;
    stream->error = (struct ps_error){0};
    stream->headers = http_ask(stream->transfer, &request, err);
    if (stream->headers != NULL &&
        curl_multi_add_handle(stream->multi, stream->transfer->curl) == CURLM_OK)
        return 0;
    curl_slist_free_all(stream->headers);
    http_transfer_put(stream->transfer);
    stream->transfer = NULL;
    return ps_error_set(err, PS_E_NOMEM, 0, "no memory for a request");
}

static void end(struct http_stream *stream)
{
    if (stream->transfer == NULL)
        return;
    curl_multi_remove_handle(stream->multi, stream->transfer->curl);
    curl_slist_free_all(stream->headers);
    http_transfer_put(stream->transfer);
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
    end(stream);
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
        if (result == PS_E_UNAVAILABLE && atomic_load(&stream->come) >= before + WORTH) {
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

/* --- streams of a store --------------------------------------------------------------- */

static void stream_free(struct http_stream *stream)
{
    end(stream);
    curl_multi_cleanup(stream->multi);
    ps_backend_unhold(stream->file);
    pthread_mutex_destroy(&stream->lock);
    pthread_cond_destroy(&stream->moved);
    free(stream->key);
    free(stream);
}

/* Some file systems have no files without a name: it loses the one that it gets. */
static int open_file(void)
{
    const char *folder = getenv("TMPDIR");
    char path[4096];
    int fd;

    if (folder == NULL || folder[0] != '/')
        folder = "/tmp";
    fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && snprintf(path, sizeof(path), "%s/libps-XXXXXX", folder) < (int)sizeof(path)) {
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
            unlink(path);
    }
    return fd < 0 ? -1 : ps_backend_hold(fd, NULL);
}

static struct http_stream *stream_new(const char *key, const struct ps_object_info *info)
{
    struct http_stream *stream = calloc(1, sizeof(*stream));

    if (stream == NULL)
        return NULL;
    stream->info = *info;
    stream->size = info->size;
    stream->key = strdup(key);
    stream->multi = curl_multi_init();
    stream->file = open_file();
    pthread_mutex_init(&stream->lock, NULL);
    pthread_cond_init(&stream->moved, NULL);
    if (stream->key != NULL && stream->multi != NULL && stream->file >= 0)
        return stream;
    stream_free(stream);
    return NULL;
}

static struct http_stream *find(struct http_store *store, const char *key)
{
    struct http_stream *stream = store->streams;

    while (stream != NULL && strcmp(stream->key, key) != 0)
        stream = stream->next;
    return stream;
}

bool http_stream_has(struct http_store *store, const char *key)
{
    bool has;

    pthread_mutex_lock(&store->lock);
    has = find(store, key) != NULL;
    pthread_mutex_unlock(&store->lock);
    return has;
}

/* That of this version; others of the key stay, as somebody may be reading. */
static struct http_stream *get_stream(struct http_store *store, const char *key,
                                      const struct ps_object_info *info, struct ps_error *err)
{
    struct http_stream *stream;

    pthread_mutex_lock(&store->lock);
    for (stream = store->streams; stream != NULL; stream = stream->next)
        if (strcmp(stream->key, key) == 0 && strcmp(stream->info.version, info->version) == 0 &&
            stream->info.size == info->size)
            break;
    if (stream == NULL && (stream = stream_new(key, info)) != NULL) {
        stream->next = store->streams;
        store->streams = stream;
    }
    pthread_mutex_unlock(&store->lock);
    if (stream == NULL)
        ps_error_set(err, PS_E_SYSTEM, errno, "no file to keep '%.100s' in", key);
    return stream;
}

void http_streams_close(struct http_store *store)
{
    while (store->streams != NULL) {
        struct http_stream *stream = store->streams;

        store->streams = stream->next;
        stream_free(stream);
    }
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

int http_stream_read(struct http_store *store, const char *key,
                     const struct ps_object_info *expected, void *buffer, size_t size,
                     uint64_t offset, struct ps_error *err)
{
    struct http_stream *stream = get_stream(store, key, expected, err);
    struct ps_error error = {0};
    int result;

    if (stream == NULL)
        return PS_E_SYSTEM;
    result = wait_for(stream, store, offset + size, &error);
    if (result < 0)
        return ps_error_set(err, result, 0, "%s", error.message);
    for (size_t done = 0; done < size;) {
        ssize_t got =
            pread(stream->file, (char *)buffer + done, size - done, (off_t)(offset + done));

        if (got <= 0)
            return ps_error_set(err, PS_E_SYSTEM, got < 0 ? errno : EIO, "reading '%.100s' again",
                                key);
        done += (size_t)got;
    }
    return 0;
}

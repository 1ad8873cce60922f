/* http_object.c: objects of a store: what they are, and ranges of them */
#include "http.h"

#include <string.h>
#include <time.h>

enum { RESUME_LEAST = 64 << 10 }; /* bytes; with less it is another try, after a wait */

static int more_than_asked(const char *key, struct ps_error *err)
{
    return ps_error_set(err, PS_E_CORRUPT, 0, "'%.100s': more bytes than asked for", key);
}

/* An answer that is only looked at: a byte of it, or none where it is all. */
struct look {
    struct http_reply *reply;
    uint64_t come;
};

static bool sink_look(void *to, const char *bytes, size_t size)
{
    struct look *look = to;

    (void)bytes;
    look->come += size;
    return look->reply->status == 206 && look->come <= 1;
}

/*
 * By a range, and not by HEAD, which those who sign a URL for a GET forbid. Of an
 * empty object there is no range, and perhaps no version where that is said.
 */
static int look(struct http_store *store, const char *key, struct http_reply *reply,
                struct ps_error *err)
{
    struct http_transfer *transfer = http_transfer_get(store, err);
    struct look seen = {.come = 0};
    struct http_request request = {.key = key, .range = "0-0", .sink = sink_look, .to = &seen};
    int result;

    if (transfer == NULL)
        return err != NULL && err->code != 0 ? err->code : PS_E_NOMEM;
    seen.reply = &transfer->reply;
    result = http_get(transfer, &request, err);
    if (result == 0 && transfer->reply.status == 416 && transfer->reply.size == 0) {
        request.range = NULL;
        result = http_get(transfer, &request, err);
    }
    *reply = transfer->reply;
    http_transfer_put(transfer);
    if (result == 0 && reply->status == 206 && seen.come > 1)
        return more_than_asked(key, err);
    return result;
}

/*
 * Dates are of whole seconds, and so are the tags that servers make of them:
 * what is replaced within the second that it was made in keeps its version. So
 * that second is waited out. Tags of S3 are made of the bytes.
 */
static int look_at_settled(struct http_store *store, const char *key, struct http_reply *reply,
                           struct ps_error *err)
{
    const struct timespec more = {.tv_sec = 2};
    int result = look(store, key, reply, err);
    time_t changed = reply->date[0] != '\0' ? curl_getdate(reply->date, NULL) : -1;

    if (result < 0 || store->sign != NULL || changed < 0 || reply->now <= 0 ||
        reply->now < changed || reply->now - changed > 1)
        return result;
    nanosleep(&more, NULL);
    ps_backend_moved(); /* that was no wait for the server */
    return look(store, key, reply, err);
}

int http_stat(void *handle, const char *key, struct ps_object_info *info, struct ps_error *err)
{
    const struct ps_object_info any = {.size = PS_SIZE_UNKNOWN};
    struct http_reply reply = {0};
    int result = look_at_settled(handle, key, &reply, err);

    if (result < 0)
        return result;
    if (reply.status == 200)
        reply.size = reply.length;
    else if (reply.status != 206)
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
    size_t size, come; /* of all of it */
    size_t from;       /* how much had come when this request was made */
    uint64_t since_ns; /* when the first one was */
    uint64_t offset;
    bool is_whole;       /* the object's: its sum is asked for */
    struct http_sum sum; /* that was told */
    bool is_seen;        /* the reply was */
    bool is_stream;      /* the server knows no ranges */
    int result;
    struct ps_error *err;
};

static int nothing_there(const char *key, struct ps_error *err)
{
    return ps_error_set(err, PS_E_CORRUPT, 0, "'%.100s': there is nothing behind its end", key);
}

static int see_reply(struct range *range)
{
    const struct http_reply *reply = range->reply;
    int result;

    if (reply->status == 416 && range->expected->size == PS_SIZE_UNKNOWN)
        return nothing_there(range->key, range->err);
    if (reply->status != 200 && reply->status != 206)
        return http_refusal(reply, range->key, range->err);
    result = http_reply_check(reply, range->expected, range->key, range->err);
    if (result < 0)
        return result;
    if (reply->status == 200) {
        if (range->is_whole && range->from == 0)
            range->sum = reply->sum;
        range->is_stream = range->offset != 0 || range->from != 0 || reply->length != range->size;
        return 0;
    }
    if (reply->first != range->offset + range->from ||
        reply->last != range->offset + range->size - 1)
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
        range->result = more_than_asked(range->key, range->err);
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

/* One request for what has not come yet. */
static int ask_range(struct http_transfer *transfer, struct range *range)
{
    char text[64], condition[HTTP_TEXT_MAX];
    struct http_request request = {.key = range->key,
                                   .range = text,
                                   .condition = condition,
                                   .since_ns = range->since_ns,
                                   .sink = sink_range,
                                   .to = range};
    int result;

    range->from = range->come;
    if (range->is_whole && range->from == 0) { /* of a range no sum is told */
        request.range = NULL;
        request.wants_sum = true;
    }
    range->is_seen = false;
    snprintf(text, sizeof(text), "%llu-%llu", (unsigned long long)(range->offset + range->from),
             (unsigned long long)(range->offset + range->size - 1));
    http_condition(condition, range->expected->version);
    result = http_get(transfer, &request, range->err);
    return result == 0 ? end_range(range) : result;
}

/*
 * A connection that breaks in the middle of a range: what has come is kept, and
 * the rest is asked for, of the same version, as long as it is worth a request.
 */
static int read_range(struct http_transfer *transfer, struct range *range)
{
    int result;

    for (;;) {
        result = ask_range(transfer, range);
        if (result != PS_E_UNAVAILABLE || transfer->is_late || transfer->is_overdue ||
            range->come == range->size || range->come - range->from < RESUME_LEAST)
            return result;
        ps_error_clear(range->err);
    }
}

struct memory {
    struct ps_content content;
    const char *bytes;
};

static int read_memory(const struct ps_content *content, void *buffer, size_t size, uint64_t offset,
                       struct ps_error *err)
{
    (void)err;
    memcpy(buffer, ((const struct memory *)content)->bytes + offset, size);
    return 0;
}

/* What was damaged on its way is worth another try. */
static int check_whole(struct http_store *store, const struct range *range, struct ps_error *err)
{
    const struct memory memory = {{range->size, read_memory, NULL}, range->to};
    struct ps_error own = {0};
    int result = store->check(&range->sum, range->key, &memory.content, &own);

    if (result == 0)
        return 0;
    return ps_error_set(err, result == PS_E_CORRUPT ? PS_E_UNAVAILABLE : result, 0, "%s",
                        own.message);
}

/* is_stream: the server gives no ranges, nor has it given this one */
static int read_by_range(struct http_store *store, struct range *range, bool *is_stream)
{
    struct http_transfer *transfer = http_transfer_get(store, range->err);
    int result;

    if (transfer == NULL)
        return range->err != NULL && range->err->code != 0 ? range->err->code : PS_E_NOMEM;
    range->reply = &transfer->reply;
    result = read_range(transfer, range);
    *is_stream = result == 0 && range->is_stream;
    http_transfer_put(transfer);
    if (result == 0 && !range->is_stream && range->sum.kind[0] != '\0')
        return check_whole(store, range, range->err);
    return result;
}

/* As a range, if that can be had again: true. What else comes of it is as if nobody had asked. */
static bool try_range(struct http_store *store, struct range range)
{
    struct ps_error own = {0};
    bool is_stream = false;

    range.err = &own;
    if (read_by_range(store, &range, &is_stream) < 0 || is_stream) {
        ps_backend_take_retry_after();
        return false;
    }
    http_stream_over(store, range.key, range.expected);
    return true;
}

int http_read(void *handle, const char *key, const struct ps_object_info *expected, void *buffer,
              size_t size, uint64_t offset, struct ps_error *err)
{
    struct http_store *store = handle;
    struct range range = {.key = key,
                          .expected = expected,
                          .to = buffer,
                          .size = size,
                          .offset = offset,
                          .is_whole = store->check != NULL && size == expected->size,
                          .since_ns = module_now(),
                          .err = err};
    bool is_stream = false;
    enum http_way way;
    int result;

    if (size == 0)
        return 0;
    if (expected->size != PS_SIZE_UNKNOWN &&
        (offset > expected->size || size > expected->size - offset))
        return nothing_there(key, err);
    way = http_stream_way(store, key, expected, offset + size);
    if (way == HTTP_BY_EITHER && try_range(store, range))
        return 0;
    if (way == HTTP_BY_RANGE) {
        result = read_by_range(store, &range, &is_stream);
        if (result < 0 || !is_stream)
            return result;
    }
    return http_stream_read(store, key, expected, buffer, size, offset, err);
}

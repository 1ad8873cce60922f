/*
 * s3_parts.c: sums of objects and of their parts, as the server keeps them
 *
 * A server that has a sum of all bytes tells it of the object ("FULL_OBJECT").
 * One that has sums of the parts of an upload tells each of its part number
 * ("COMPOSITE"), and of the object only one that is made of those, "AbC=-3".
 */
#include "s3.h"

#include <stdio.h>
#include <string.h>

/* number: of a part, from 1 on; 0: of all of the object */
static int ask(struct s3_store *store, const char *key, const struct ps_object_info *expected,
               uint64_t number, struct http_reply *reply, struct ps_error *err)
{
    struct http_transfer *transfer = http_transfer_get(&store->http, err);
    char condition[HTTP_TEXT_MAX], query[40];
    struct http_request request = {
        .method = "HEAD", .key = key, .condition = condition, .wants_sum = true};
    int result;

    if (transfer == NULL)
        return err != NULL && err->code != 0 ? err->code : PS_E_NOMEM;
    http_condition(condition, expected->version);
    if (number > 0) {
        snprintf(query, sizeof(query), "?partNumber=%llu", (unsigned long long)number);
        request.query = query;
    }
    result = http_get(transfer, &request, err);
    *reply = transfer->reply;
    http_transfer_put(transfer);
    if (result == 0 && reply->status != 200 && reply->status != 206)
        return http_refusal(reply, key, err);
    return result == 0 ? http_reply_check(reply, expected, key, err) : result;
}

static int has_none(const char *key, struct ps_error *err)
{
    return ps_error_set(err, PS_E_UNSUPPORTED, 0, "'%.100s': the server has no sums of it", key);
}

int s3_parts(void *handle, const char *key, const struct ps_object_info *expected, uint64_t *size,
             struct ps_error *err)
{
    struct s3_store *store = handle;
    struct http_reply reply;
    int result;

    if (atomic_load(&store->has_no_sums) || expected->size == PS_SIZE_UNKNOWN)
        return has_none(key, err);
    result = ask(store, key, expected, 0, &reply, err);
    if (result < 0)
        return result;
    if (!reply.is_of_parts) {
        *size = expected->size;
        return reply.sum.kind[0] != '\0' ? 0 : has_none(key, err);
    }
    result = ask(store, key, expected, 1, &reply, err);
    if (result < 0)
        return result;
    if (!reply.is_of_parts || reply.sum.kind[0] == '\0' || reply.status != 206 || reply.first != 0)
        return has_none(key, err);
    *size = reply.last + 1;
    return 0;
}

/*
 * Is what the server tells about the bytes of content, no more and no less?
 * Parts of several sizes are not where they were thought to be, though some may
 * be as long.
 */
static bool is_about(const struct http_reply *reply, const struct ps_object_info *expected,
                     uint64_t offset, const struct ps_content *content)
{
    if (reply->sum.kind[0] == '\0')
        return false;
    if (reply->is_of_parts)
        return reply->status == 206 && reply->first == offset &&
               reply->last == offset + content->size - 1;
    return reply->status == 200 && content->size == expected->size;
}

int s3_check_part(void *handle, const char *key, const struct ps_object_info *expected,
                  uint64_t number, uint64_t offset, const struct ps_content *content,
                  struct ps_error *err)
{
    bool is_whole = content->size == expected->size;
    struct ps_error own = {0};
    struct http_reply reply;
    int result = ask(handle, key, expected, is_whole ? 0 : number + 1, &reply, &own);

    if (result == 0 && is_whole && reply.is_of_parts)
        result = ask(handle, key, expected, 1, &reply, &own);
    /* that an answer is no good says nothing of the bytes */
    if (result < 0)
        return ps_error_set(err, result == PS_E_CORRUPT ? PS_E_SYSTEM : result, 0, "%s",
                            own.message);
    if (!is_about(&reply, expected, offset, content))
        return has_none(key, err);
    return s3_check(&reply.sum, key, content, err);
}

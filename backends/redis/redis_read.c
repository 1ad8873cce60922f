/*
 * redis_read.c: bytes of an object; see redis.h
 *
 * The ranges of a value are followed by a question for its version and size.
 * A version is never used again, so if it is the expected one then, it was so
 * while the bytes were read. Parts have the version in their keys: their bytes
 * are those of that version, or they are gone.
 */
#include "redis.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/read.h>

enum { IN_FLIGHT = 8 }; /* ranges that are asked for before the first has come */

struct range {
    const char *key;
    const char *manifest; /* NULL: of a part, which needs no check */
    char *to;
    uint64_t offset;
    size_t size;
    size_t got; /* bytes from the beginning that came without a gap */
    bool has_version;
    char version[PS_VERSION_MAX];
    uint64_t length; /* of the value, when all had been read */
};

static int ask_range(struct redis_conn *conn, const struct range *range, size_t done,
                     struct ps_error *err)
{
    size_t size = range->size - done < REDIS_CHUNK ? range->size - done : REDIS_CHUNK;
    char first[24], last[24];

    snprintf(first, sizeof(first), "%" PRIu64, range->offset + done);
    snprintf(last, sizeof(last), "%" PRIu64, range->offset + done + size - 1);
    return REDIS_SAY(conn, err, "GETRANGE", range->key, first, last);
}

/* The next range, in its place. */
static int hear_range(struct redis_conn *conn, struct range *range, size_t done,
                      struct ps_error *err)
{
    size_t size = range->size - done < REDIS_CHUNK ? range->size - done : REDIS_CHUNK;
    struct redis_reply *reply;
    int result;

    conn->wire.into = range->to + done;
    conn->wire.room = size;
    result = redis_hear(conn, &reply, err);
    conn->wire.into = NULL;
    if (result != 0)
        return result;
    if (range->got == done && reply->type == REDIS_REPLY_STRING && reply->size <= size)
        range->got = done + reply->size;
    redis_reply_free(reply);
    return 0;
}

static int ask_state(struct redis_conn *conn, const struct range *range, struct ps_error *err)
{
    int result = 0;

    if (range->manifest == NULL)
        return 0;
    if (range->has_version)
        result = REDIS_SAY(conn, err, "HGET", range->manifest, "version");
    return result < 0 ? result : REDIS_SAY(conn, err, "STRLEN", range->key);
}

static int hear_state(struct redis_conn *conn, struct range *range, struct ps_error *err)
{
    struct redis_reply *reply;
    int result = 0;

    if (range->manifest == NULL)
        return 0;
    if (range->has_version) {
        result = redis_hear(conn, &reply, err);
        if (result != 0)
            return result;
        snprintf(range->version, sizeof(range->version), "%s", reply->text);
        redis_reply_free(reply);
    }
    result = redis_hear(conn, &reply, err);
    if (result != 0)
        return result;
    range->length = (uint64_t)reply->integer;
    redis_reply_free(reply);
    return 0;
}

static int read_range(struct redis_conn *conn, void *argument, struct ps_error *err)
{
    struct range *range = argument;
    size_t asked = 0, heard = 0;
    int result = 0;

    range->got = 0;
    while (heard < range->size && result == 0) {
        for (; asked < range->size && asked < heard + IN_FLIGHT * REDIS_CHUNK && result == 0;
             asked += REDIS_CHUNK) {
            result = ask_range(conn, range, asked, err);
            /* with the last range, not after it: a round trip less */
            if (result == 0 && asked + REDIS_CHUNK >= range->size)
                result = ask_state(conn, range, err);
        }
        if (result == 0)
            result = hear_range(conn, range, heard, err);
        heard += REDIS_CHUNK;
    }
    if (range->size == 0 && result == 0)
        result = ask_state(conn, range, err);
    return result == 0 ? hear_state(conn, range, err) : result;
}

/* Why bytes are missing, or not to be trusted. */
static int not_expected(struct redis_store *store, const char *key,
                        const struct ps_object_info *expected, uint64_t end, struct ps_error *err)
{
    struct redis_object object;
    int result = redis_look(store, key, &object, err);

    if (result < 0)
        return result;
    if (object.size != expected->size && expected->size != PS_SIZE_UNKNOWN)
        return ps_error_set(err, PS_E_STALE, 0,
                            "redis: '%.100s' has %" PRIu64 " bytes now, not %" PRIu64, key,
                            object.size, expected->size);
    if (expected->version[0] && strcmp(object.version, expected->version) != 0)
        return ps_error_set(
            err, PS_E_STALE, 0, "redis: '%.80s' was changed: it is %.50s, not %.50s", key,
            object.version[0] ? object.version : "without a version", expected->version);
    return ps_error_set(err, PS_E_CORRUPT, 0, "redis: '%.100s' ends before byte %" PRIu64, key,
                        end);
}

static int read_value(struct redis_store *store, const char *key,
                      const struct ps_object_info *expected, void *buffer, size_t size,
                      uint64_t offset, struct ps_error *err)
{
    char manifest[REDIS_KEY_MAX];
    struct range range = {.key = key,
                          .manifest = manifest,
                          .to = buffer,
                          .offset = offset,
                          .size = size,
                          .has_version = expected->version[0] != '\0'};
    int result = redis_manifest_key(manifest, key, err);

    if (result == 0)
        result = redis_with(store, key, read_range, &range, err);
    if (result < 0)
        return result;
    if (range.got == size && offset + size <= range.length &&
        (range.length == expected->size || expected->size == PS_SIZE_UNKNOWN) &&
        (!range.has_version || strcmp(range.version, expected->version) == 0))
        return 0;
    return not_expected(store, key, expected, offset + size, err);
}

static int read_parts(struct redis_store *store, const char *key,
                      const struct ps_object_info *expected, const struct redis_object *object,
                      char *buffer, size_t size, uint64_t offset, struct ps_error *err)
{
    uint64_t part_size = object->part_size;
    char part[REDIS_KEY_MAX];

    if (expected->size != object->size && expected->size != PS_SIZE_UNKNOWN)
        return not_expected(store, key, expected, offset + size, err);
    for (size_t done = 0; done < size;) {
        uint64_t at = offset + done, left = part_size - at % part_size;
        struct range range = {.key = part,
                              .to = buffer + done,
                              .offset = at % part_size,
                              .size = size - done < left ? size - done : (size_t)left};
        int result;

        redis_part_key(part, key, expected->version, at / part_size);
        result = redis_with(store, part, read_range, &range, err);
        if (result < 0)
            return result;
        if (range.got != range.size)
            return not_expected(store, key, expected, at + range.size, err);
        done += range.size;
    }
    return 0;
}

int redis_read(void *handle, const char *key, const struct ps_object_info *expected, void *buffer,
               size_t size, uint64_t offset, struct ps_error *err)
{
    struct ps_object_info whole = *expected;
    struct redis_object object = {0};
    int result = 0;

    if (offset > INT64_MAX || size > INT64_MAX - offset)
        return ps_error_set(err, PS_E_CORRUPT, 0, "redis: '%.100s' ends before byte %" PRIu64, key,
                            offset);
    /* without a version it may be in parts, or not */
    if (expected->version[0] == '\0') {
        result = redis_look(handle, key, &object, err);
        if (object.part_size > 0)
            strcpy(whole.version, object.version);
    } else if (redis_read_version(&object, expected->version) < 0)
        object.part_size = 0; /* then no manifest has it */
    if (result < 0)
        return result;
    if (object.part_size > 0)
        return read_parts(handle, key, &whole, &object, buffer, size, offset, err);
    return read_value(handle, key, expected, buffer, size, offset, err);
}

/* redis_object.c: keys, versions and manifests; see redis.h */
#include "redis.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/read.h>

enum { PARTS_MOST = 1 << 20 };

/* Names that manifests and parts have. */
static bool is_own(const char *key)
{
    size_t size = strlen(key);

    return strncmp(key, "{ps.", 4) == 0 ||
           (size > 3 && strcmp(key + size - 3, ".ps") == 0 && strchr(key, '}') != NULL);
}

/*
 * Both must be in one slot of a cluster. "{key}.ps" is in that of "key", and
 * "a{b}c.ps" in that of "a{b}c"; for a key with other braces there is no such
 * name, and for "{key}" none but that of "key".
 */
int redis_manifest_key(char manifest[REDIS_KEY_MAX], const char *key, struct ps_error *err)
{
    const char *open = strchr(key, '{'), *close = open ? strchr(open + 1, '}') : NULL;
    bool is_tagged = close != NULL && close > open + 1;

    if (key[0] == '\0' || strcmp(key, ".") == 0 || strcmp(key, "..") == 0 || strchr(key, '/'))
        return ps_error_set(err, PS_E_INVALID, 0,
                            "'%.150s' can't be a key: empty, a folder, or with a slash", key);
    if (is_own(key))
        return ps_error_set(err, PS_E_INVALID, 0,
                            "'%.150s' can't be a key: manifests and parts have such", key);
    if (is_tagged && open == key && close[1] == '\0')
        return ps_error_set(err, PS_E_INVALID, 0,
                            "'%.150s' can't be a key: its manifest would be that of another", key);
    if (!is_tagged && strchr(key, '}') != NULL)
        return ps_error_set(err, PS_E_INVALID, 0,
                            "'%.150s' can't be a key: braces that are no hash tag", key);
    snprintf(manifest, REDIS_KEY_MAX, is_tagged ? "%s.ps" : "{%s}.ps", key);
    return 0;
}

void redis_part_key(char part[REDIS_KEY_MAX], const char *key, const char *version, uint64_t number)
{
    /* a hash tag of its own: parts are on many nodes */
    snprintf(part, REDIS_KEY_MAX, "{ps.%s.%" PRIu64 "}.%s", version, number, key);
}

int redis_read_version(struct redis_object *object, const char *version)
{
    enum { ID = 32 };
    char *end;

    *object = (struct redis_object){0};
    if (strspn(version, "0123456789abcdef") != ID)
        return -1;
    if (version[ID] == '\0')
        return 0;
    if (strncmp(version + ID, ".p", 2) != 0)
        return -1;
    object->part_size = strtoull(version + ID + 2, &end, 10);
    if (*end == '.')
        object->size = strtoull(end + 1, &end, 10);
    return *end == '\0' && object->part_size >= REDIS_PART_LEAST &&
                   object->part_size <= REDIS_VALUE_MAX && object->size > object->part_size &&
                   object->size / object->part_size < PARTS_MOST
               ? 0
               : -1;
}

void redis_manifest_read(const struct redis_reply *fields, struct redis_object *object)
{
    uint64_t size;

    *object = (struct redis_object){0};
    if (fields->type != REDIS_REPLY_ARRAY || fields->size != 2 ||
        fields->members[0]->type != REDIS_REPLY_STRING ||
        fields->members[1]->type != REDIS_REPLY_STRING ||
        fields->members[0]->size >= sizeof(object->version))
        return;
    size = strtoull(fields->members[1]->text, NULL, 10);
    if (redis_read_version(object, fields->members[0]->text) < 0 ||
        (object->part_size > 0 && object->size != size)) {
        *object = (struct redis_object){0}; /* not ours */
        return;
    }
    object->size = size;
    strcpy(object->version, fields->members[0]->text);
}

/* --- transactions: what is said between MULTI and EXEC ------------------------------------ */

int redis_transact(struct redis_conn *conn, int count, struct redis_reply **all,
                   struct ps_error *err)
{
    int result = REDIS_SAY(conn, err, "EXEC");

    for (int i = 0; i <= count && result == 0; i++) { /* OK, QUEUED ... */
        struct redis_reply *queued;
        result = redis_hear(conn, &queued, err);
        if (result == 0)
            redis_reply_free(queued);
    }
    if (result == 0)
        result = redis_hear(conn, all, err);
    if (result != 0)
        return result;
    if ((*all)->type == REDIS_REPLY_ARRAY && (*all)->size == (size_t)count)
        return 0;
    redis_reply_free(*all);
    return ps_error_set(err, PS_E_UNAVAILABLE, 0, "redis %s: a transaction was not made",
                        conn->wire.name);
}

/* Of a slot that moves each node has a part: that a key is missing there says nothing. */
int redis_settled(const struct redis_conn *conn, struct ps_error *err)
{
    return !conn->asks ? 0
                       : ps_error_set(err, PS_E_UNAVAILABLE, 0,
                                      "redis %s: a slot is on its way to it", conn->wire.name);
}

struct look {
    const char *key, *manifest;
    struct redis_object *object;
    bool is_there;
};

static int judge(struct look *look, struct redis_reply *const replies[3])
{
    long long length = replies[1]->integer, has_value = replies[2]->integer;

    if (replies[1]->type != REDIS_REPLY_INTEGER || replies[2]->type != REDIS_REPLY_INTEGER ||
        length < 0)
        return PS_E_UNSUPPORTED;
    redis_manifest_read(replies[0], look->object);
    look->is_there = has_value == 1 || look->object->part_size > 0;
    /* others have set a value since */
    if (has_value == 1 && (look->object->part_size > 0 || look->object->size != (uint64_t)length))
        *look->object = (struct redis_object){.size = (uint64_t)length};
    return 0;
}

static int look_once(struct redis_conn *conn, void *argument, struct ps_error *err)
{
    struct look *look = argument;
    struct redis_reply *all;
    int result = redis_settled(conn, err);

    if (result == 0)
        result = REDIS_SAY(conn, err, "MULTI");
    if (result == 0)
        result = REDIS_SAY(conn, err, "HMGET", look->manifest, "version", "size");
    if (result == 0)
        result = REDIS_SAY(conn, err, "STRLEN", look->key);
    if (result == 0)
        result = REDIS_SAY(conn, err, "EXISTS", look->key);
    if (result == 0)
        result = redis_transact(conn, 3, &all, err);
    if (result != 0)
        return result;
    result = judge(look, all->members);
    if (result < 0)
        ps_error_set(err, result, 0, "redis %s: '%.80s' is no string: %.60s", conn->wire.name,
                     look->key, all->members[1]->text);
    redis_reply_free(all);
    return result;
}

int redis_look(struct redis_store *store, const char *key, struct redis_object *object,
               struct ps_error *err)
{
    char manifest[REDIS_KEY_MAX];
    struct look look = {.key = key, .manifest = manifest, .object = object};
    int result = redis_manifest_key(manifest, key, err);

    if (result == 0)
        result = redis_with(store, key, look_once, &look, err);
    if (result == 0 && !look.is_there)
        return ps_error_set(err, PS_E_NOT_FOUND, 0, "redis: no key '%.150s'", key);
    return result;
}

/* --- parts -------------------------------------------------------------------------------- */

static int remove_one(struct redis_conn *conn, void *argument, struct ps_error *err)
{
    struct redis_reply *reply;
    int result = REDIS_SAY(conn, err, "UNLINK", argument);

    if (result == 0)
        result = redis_hear(conn, &reply, err);
    if (result == 0)
        redis_reply_free(reply);
    return result;
}

int redis_remove_parts(struct redis_store *store, const char *key,
                       const struct redis_object *object, struct ps_error *err)
{
    char part[REDIS_KEY_MAX];
    int result = 0;

    for (uint64_t i = 0;
         object->part_size > 0 && i <= (object->size - 1) / object->part_size && result == 0; i++) {
        redis_part_key(part, key, object->version, i);
        result = redis_with(store, part, remove_one, part, err);
    }
    return result;
}

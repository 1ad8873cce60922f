/* redis_object.c: keys, versions and manifests; see redis.h */
#include "redis.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/read.h>

/*
 * Both must be in one slot of a cluster. "{key}.ps" is in that of "key", and
 * "a{b}c.ps" in that of "a{b}c"; for a key with other braces there is no such name.
 */
int redis_manifest_key(char manifest[REDIS_KEY_MAX], const char *key, struct ps_error *err)
{
    const char *open = strchr(key, '{'), *close = open ? strchr(open + 1, '}') : NULL;
    bool is_tagged = close != NULL && close > open + 1;

    if (key[0] == '\0' || strcmp(key, ".") == 0 || strcmp(key, "..") == 0 || strchr(key, '/'))
        return ps_error_set(err, PS_E_INVALID, 0,
                            "'%.150s' can't be a key: empty, a folder, or with a slash", key);
    if (!is_tagged && strchr(key, '}') != NULL)
        return ps_error_set(err, PS_E_INVALID, 0,
                            "'%.150s' can't be a key: braces that are no hash tag", key);
    snprintf(manifest, REDIS_KEY_MAX, is_tagged ? "%s.ps" : "{%s}.ps", key);
    return 0;
}

void redis_part_key(char part[REDIS_KEY_MAX], const char *key, const char *version, uint64_t number)
{
    /* no hash tag of the key's, so that parts are on many nodes */
    snprintf(part, REDIS_KEY_MAX, "ps.%s.%" PRIu64 ".%s", version, number, key);
}

uint64_t redis_part_size(const char *version)
{
    const char *size = strstr(version, ".p");

    return size == NULL ? 0 : strtoull(size + 2, NULL, 10);
}

void redis_manifest_read(const struct redis_reply *fields, struct redis_object *object)
{
    *object = (struct redis_object){0};
    if (fields->type != REDIS_REPLY_ARRAY || fields->size != 2 ||
        fields->members[0]->type != REDIS_REPLY_STRING ||
        fields->members[1]->type != REDIS_REPLY_STRING ||
        fields->members[0]->size >= sizeof(object->version))
        return;
    strcpy(object->version, fields->members[0]->text);
    object->size = strtoull(fields->members[1]->text, NULL, 10);
    object->part_size = redis_part_size(object->version);
}

struct look {
    const char *key, *manifest;
    struct redis_object *object;
    bool is_there, again;
};

/* A put may come in between: what is said before and after must be the same. */
static void judge(struct look *look, struct redis_reply *const replies[4])
{
    struct redis_object before, after;
    uint64_t length = (uint64_t)replies[1]->integer;
    bool has_value = replies[2]->integer == 1;

    redis_manifest_read(replies[0], &before);
    redis_manifest_read(replies[3], &after);
    look->again = strcmp(before.version, after.version) != 0;
    look->is_there = has_value || after.part_size > 0;
    *look->object = after;
    /* others have set a value since, or removed it */
    if (has_value && (after.part_size > 0 || after.size != length))
        *look->object = (struct redis_object){.size = length};
}

static int look_once(struct redis_conn *conn, void *argument, struct ps_error *err)
{
    struct look *look = argument;
    struct redis_reply *replies[4] = {NULL};
    int result = 0;

    if (REDIS_SAY(conn, err, "HMGET", look->manifest, "version", "size") < 0 ||
        REDIS_SAY(conn, err, "STRLEN", look->key) < 0 ||
        REDIS_SAY(conn, err, "EXISTS", look->key) < 0 ||
        REDIS_SAY(conn, err, "HMGET", look->manifest, "version", "size") < 0)
        return err != NULL && err->code != 0 ? err->code : PS_E_UNAVAILABLE;
    for (int i = 0; i < 4 && result == 0; i++)
        result = redis_hear(conn, &replies[i], err);
    if (result == 0)
        judge(look, replies);
    for (int i = 0; i < 4; i++)
        redis_reply_free(replies[i]);
    return result;
}

int redis_look(struct redis_store *store, const char *key, struct redis_object *object,
               struct ps_error *err)
{
    enum { TRIES = 20 };
    char manifest[REDIS_KEY_MAX];
    struct look look = {.key = key, .manifest = manifest, .object = object};
    int result = redis_manifest_key(manifest, key, err);

    for (int i = 0; i < TRIES && result == 0; i++) {
        result = redis_with(store, key, look_once, &look, err);
        if (result == 0 && !look.again)
            return look.is_there
                       ? 0
                       : ps_error_set(err, PS_E_NOT_FOUND, 0, "redis: no key '%.150s'", key);
    }
    return result < 0 ? result
                      : ps_error_set(err, PS_E_UNAVAILABLE, 0,
                                     "redis: '%.150s' is put again and again", key);
}

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
         object->part_size > 0 && i * object->part_size < object->size && result == 0; i++) {
        redis_part_key(part, key, object->version, i);
        result = redis_with(store, part, remove_one, part, err);
    }
    return result;
}

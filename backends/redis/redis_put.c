/*
 * redis_put.c: storing an object; see redis.h
 *
 * Value and manifest change in one transaction, so a reader meets the old
 * object or the new one. The parts of a large object are written first, under
 * keys that nobody knows yet, and go by themselves if they are not all
 * written: until then they have an hour to live.
 */
#include "redis.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <hiredis/read.h>

#define UNFINISHED_S UINT64_C(3600)

struct put {
    struct redis_store *store;
    const struct ps_content *content;
    const char *key, *manifest; /* of the object */
    struct redis_object new, old;
    bool is_said; /* the transaction, whether or not it was answered */
    /* of the part that is written */
    const char *part;
    uint64_t offset, size;
};

static int say_number(char text[24], uint64_t number)
{
    return snprintf(text, 24, "%" PRIu64, number);
}

/* --- a value, straight from the content to the socket ----------------------------------- */

static int send_bytes(struct redis_conn *conn, const struct ps_content *content, uint64_t offset,
                      uint64_t size, struct ps_error *err)
{
    char *piece = malloc(REDIS_CHUNK);
    int result = 0;

    if (piece == NULL)
        return ps_error_set(err, PS_E_NOMEM, errno, "redis %s", conn->wire.name);
    for (uint64_t done = 0; done < size && result == 0;) {
        size_t count = size - done < REDIS_CHUNK ? (size_t)(size - done) : (size_t)REDIS_CHUNK;

        result = content->read(content, piece, count, offset + done, err);
        if (result == 0)
            result = redis_wire_send(&conn->wire, piece, count, err);
        done += count;
    }
    free(piece);
    return result;
}

/* SET key bytes [EX seconds]; ttl 0: for good. Half of it is nothing to the server. */
static int say_set(struct redis_conn *conn, const struct put *put, const char *key, uint64_t ttl,
                   struct ps_error *err)
{
    char text[REDIS_KEY_MAX + 96], seconds[24];
    int length = snprintf(text, sizeof(text), "*%d\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%" PRIu64 "\r\n",
                          ttl > 0 ? 5 : 3, strlen(key), key, put->size);
    int result = redis_wire_send(&conn->wire, text, (size_t)length, err);

    if (result == 0)
        result = send_bytes(conn, put->content, put->offset, put->size, err);
    length = 2;
    memcpy(text, "\r\n", 3);
    if (ttl > 0)
        length = snprintf(text, sizeof(text), "\r\n$2\r\nEX\r\n$%d\r\n%s\r\n",
                          say_number(seconds, ttl), seconds);
    return result < 0 ? result : redis_wire_send(&conn->wire, text, (size_t)length, err);
}

static int ask(struct redis_conn *conn, struct ps_error *err)
{
    struct redis_reply *reply;
    int result = redis_hear(conn, &reply, err);

    if (result == 0)
        redis_reply_free(reply);
    return result;
}

/*
 * Is the object's place here, and is what has its manifest's name one? Else a
 * whole value would be sent to hear that.
 */
static int knock(struct redis_conn *conn, const struct put *put, struct ps_error *err)
{
    int result = redis_settled(conn, err);

    if (result == 0)
        result = REDIS_SAY(conn, err, "HMGET", put->manifest, "version", "size");
    return result == 0 ? ask(conn, err) : result;
}

/* --- the transaction ------------------------------------------------------------------ */

static int say_manifest(struct redis_conn *conn, const struct put *put, struct ps_error *err)
{
    char size[24], ttl[24];
    int result = REDIS_SAY(conn, err, "DEL", put->manifest);

    say_number(size, put->new.size);
    say_number(ttl, put->store->ttl_s);
    if (result == 0)
        result =
            REDIS_SAY(conn, err, "HSET", put->manifest, "version", put->new.version, "size", size);
    if (result == 0 && put->store->ttl_s > 0)
        result = REDIS_SAY(conn, err, "EXPIRE", put->manifest, ttl);
    return result;
}

static int say_all(struct redis_conn *conn, const struct put *put, struct ps_error *err)
{
    int result = REDIS_SAY(conn, err, "MULTI");

    if (result == 0)
        result = REDIS_SAY(conn, err, "HMGET", put->manifest, "version", "size");
    if (result == 0)
        result = put->new.part_size > 0 ? REDIS_SAY(conn, err, "UNLINK", put->key)
                                        : say_set(conn, put, put->key, put->store->ttl_s, err);
    if (result == 0)
        result = say_manifest(conn, put, err);
    return result;
}

static int replace(struct redis_conn *conn, void *argument, struct ps_error *err)
{
    struct put *put = argument;
    int commands = put->store->ttl_s > 0 ? 5 : 4, result = knock(conn, put, err);
    struct redis_reply *all;

    if (result == 0)
        result = say_all(conn, put, err);
    put->is_said = result == 0;
    if (result == 0)
        result = redis_transact(conn, commands, &all, err);
    if (result == REDIS_REDIRECTED && put->is_said)
        return ps_error_set(err, PS_E_UNAVAILABLE, 0, "redis %s: the slot went away meanwhile",
                            conn->wire.name);
    if (result != 0)
        return result;
    for (size_t i = 0; i < all->size && result == 0; i++)
        if (all->members[i]->type == REDIS_REPLY_ERROR)
            result = ps_error_set(err, PS_E_SYSTEM, 0, "redis %s: %.120s", conn->wire.name,
                                  all->members[i]->text);
    redis_manifest_read(all->members[0], &put->old);
    redis_reply_free(all);
    return result;
}

/*
 * The answer to the transaction was lost: it may have been made. If the object
 * is ours by now, it was; else it may still be, and its parts must stay.
 */
static int settle(struct put *put, int result, struct ps_error *err)
{
    struct redis_object now;

    if (redis_look(put->store, put->key, &now, NULL) < 0 ||
        strcmp(now.version, put->new.version) != 0)
        return result;
    ps_error_clear(err);
    return 0;
}

/* --- parts ---------------------------------------------------------------------------- */

static int put_part(struct redis_conn *conn, void *argument, struct ps_error *err)
{
    struct put *put = argument;
    int result = redis_settled(conn, err);

    if (result == 0) /* is its place here? */
        result = REDIS_SAY(conn, err, "EXISTS", put->part);
    if (result == 0)
        result = ask(conn, err);
    if (result == 0)
        result = say_set(conn, put, put->part, UNFINISHED_S, err);
    return result == 0 ? ask(conn, err) : result;
}

/* They live for good, or longer than the manifest. */
static int finish_part(struct redis_conn *conn, void *argument, struct ps_error *err)
{
    struct put *put = argument;
    struct redis_reply *reply;
    char ttl[24];
    int result;

    say_number(ttl, put->store->ttl_s + 60);
    result = put->store->ttl_s > 0 ? REDIS_SAY(conn, err, "EXPIRE", put->part, ttl)
                                   : REDIS_SAY(conn, err, "PERSIST", put->part);
    if (result == 0)
        result = redis_hear(conn, &reply, err);
    if (result != 0)
        return result;
    if (reply->integer != 1)
        result = ps_error_set(err, PS_E_SYSTEM, ENOSPC, "redis %s: dropped a part of '%.100s'",
                              conn->wire.name, put->key);
    redis_reply_free(reply);
    return result;
}

static int each_part(struct put *put, redis_call *call, struct ps_error *err)
{
    char part[REDIS_KEY_MAX];
    int result = 0;

    put->part = part;
    for (uint64_t i = 0; i * put->new.part_size < put->new.size &&result == 0; i++) {
        put->offset = i * put->new.part_size;
        put->size = put->new.size - put->offset;
        if (put->size > put->new.part_size)
            put->size = put->new.part_size;
        redis_part_key(part, put->key, put->new.version, i);
        result = redis_with(put->store, part, call, put, err);
    }
    return result;
}

static int put_parts(struct put *put, struct ps_error *err)
{
    int result = each_part(put, put_part, err);

    return result == 0 ? each_part(put, finish_part, err) : result;
}

static int new_version(struct put *put, struct ps_error *err)
{
    uint64_t id[2];
    int length;

    if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id))
        return ps_error_set(err, PS_E_SYSTEM, errno, "redis: no version for '%.100s'", put->key);
    length = snprintf(put->new.version, sizeof(put->new.version), "%016" PRIx64 "%016" PRIx64,
                      id[0], id[1]);
    if (put->new.part_size > 0)
        snprintf(put->new.version + length, sizeof(put->new.version) - (size_t)length,
                 ".p%" PRIu64 ".%" PRIu64, put->new.part_size, put->new.size);
    return 0;
}

int redis_put(void *handle, const char *key, const struct ps_content *content,
              struct ps_object_info *info, struct ps_error *err)
{
    struct redis_store *store = handle;
    char manifest[REDIS_KEY_MAX];
    struct put put = {.store = store,
                      .content = content,
                      .key = key,
                      .manifest = manifest,
                      .new = {.size = content->size},
                      .size = content->size};
    int result = redis_manifest_key(manifest, key, err);

    if (content->size > (store->part_size > 0 ? store->part_size : REDIS_VALUE_MAX))
        put.new.part_size = store->part_size > 0 ? store->part_size : REDIS_PART;
    if (result == 0)
        result = new_version(&put, err);
    if (result == 0 && put.new.part_size > 0)
        result = put_parts(&put, err);
    if (result == 0)
        result = redis_with(store, key, replace, &put, err);
    if (result < 0 && put.is_said)
        result = settle(&put, result, err);
    else if (result < 0)
        redis_remove_parts(store, key, &put.new, NULL);
    if (result < 0)
        return result;
    redis_remove_parts(store, key, &put.old, NULL);
    info->size = put.new.size;
    strcpy(info->version, put.new.version);
    return 0;
}

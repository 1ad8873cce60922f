/*
 * redis_list.c: which objects there are; see redis.h
 *
 * SCAN tells names: of values, of manifests, of parts. An object has its value
 * under its own name, or it is in parts, and then only its manifest has a name
 * that leads to it. Each node of a cluster has its own names.
 */
#include "redis.h"

#include <stdio.h>
#include <string.h>

#include <hiredis/read.h>

struct list {
    struct redis_store *store;
    ps_backend_each *each;
    void *context;
    int ended; /* what each returned */
};

/* key_of: the object's, of the name of a manifest; 0 when it is none */
static int key_of(char key[REDIS_KEY_MAX], const char *name)
{
    size_t size = strlen(name);
    char manifest[REDIS_KEY_MAX];

    if (size < 4 || size >= REDIS_KEY_MAX || strcmp(name + size - 3, ".ps") != 0)
        return 0;
    /* "{key}.ps", or "a{b}c.ps" */
    snprintf(key, REDIS_KEY_MAX, "%.*s", size > 5 ? (int)size - 5 : 0, name + 1);
    if (redis_manifest_key(manifest, key, NULL) == 0 && strcmp(manifest, name) == 0)
        return 1;
    snprintf(key, REDIS_KEY_MAX, "%.*s", (int)size - 3, name);
    return redis_manifest_key(manifest, key, NULL) == 0 && strcmp(manifest, name) == 0;
}

static int tell(struct list *list, const char *name, struct ps_error *err)
{
    char key[REDIS_KEY_MAX];
    bool is_manifest = key_of(key, name);
    struct redis_object object;
    struct ps_error own = {0};
    struct ps_object_info info;
    int result = redis_look(list->store, is_manifest ? key : name, &object, &own);

    /* gone meanwhile; a list, a hash; a name that no object of ours can have */
    if (result == PS_E_NOT_FOUND || result == PS_E_UNSUPPORTED || result == PS_E_INVALID)
        return 0;
    if (result < 0)
        return ps_error_set(err, result, own.sys_errno, "%s", own.message);
    if (is_manifest != (object.part_size > 0))
        return 0;
    info.size = object.size;
    strcpy(info.version, object.version);
    list->ended = list->each(list->context, is_manifest ? key : name, &info);
    return 0;
}

static int tell_some(struct list *list, const struct redis_reply *names, struct ps_error *err)
{
    int result = 0;

    for (size_t i = 0; i < names->size && result == 0 && list->ended == 0; i++) {
        const struct redis_reply *name = names->members[i];

        if (strlen(name->text) == name->size) /* no NUL in it */
            result = tell(list, name->text, err);
    }
    return result;
}

/* step: one SCAN; cursor becomes the next one's, "0" at the end */
static int step(struct redis_conn *conn, struct list *list, char cursor[32], struct ps_error *err)
{
    struct redis_reply *reply;
    int result = REDIS_SAY(conn, err, "SCAN", cursor, "COUNT", "1000");

    if (result == 0)
        result = redis_hear(conn, &reply, err);
    if (result != 0)
        return result;
    if (reply->type == REDIS_REPLY_ARRAY && reply->size == 2 &&
        reply->members[0]->type == REDIS_REPLY_STRING && reply->members[0]->size < 32 &&
        reply->members[1]->type == REDIS_REPLY_ARRAY) {
        strcpy(cursor, reply->members[0]->text);
        result = tell_some(list, reply->members[1], err);
    } else {
        result = ps_error_set(err, PS_E_CORRUPT, 0, "redis %s: no answer to SCAN", conn->wire.name);
    }
    redis_reply_free(reply);
    return result;
}

static int scan(struct redis_conn *conn, void *argument, struct ps_error *err)
{
    struct list *list = argument;
    char cursor[32] = "0";
    int result;

    do
        result = step(conn, list, cursor, err);
    while (result == 0 && list->ended == 0 && strcmp(cursor, "0") != 0);
    return result;
}

static int ask_cluster(struct redis_conn *conn, void *argument, struct ps_error *err)
{
    bool *is_cluster = argument;
    struct redis_reply *reply;
    int result = REDIS_SAY(conn, err, "INFO", "cluster");

    if (result == 0)
        result = redis_hear(conn, &reply, err);
    if (result != 0)
        return result;
    *is_cluster = reply->type == REDIS_REPLY_STRING && strstr(reply->text, "cluster_enabled:1");
    redis_reply_free(reply);
    return 0;
}

/* next_node: the one that has a slot; is_new: and none before. NULL, and an error: not known. */
static struct redis_node *next_node(struct redis_store *store, int slot, bool *is_new,
                                    struct ps_error *err)
{
    struct redis_node *node;

    *is_new = true;
    pthread_mutex_lock(&store->lock);
    node = store->slot_node != NULL ? store->slot_node[slot] : NULL;
    for (int i = 0; node != NULL && i < slot && *is_new; i++)
        *is_new = store->slot_node[i] != node;
    pthread_mutex_unlock(&store->lock);
    if (node == NULL)
        ps_error_set(err, PS_E_UNAVAILABLE, 0, "redis: no node is known to have slot %d", slot);
    return node;
}

static int scan_cluster(struct list *list, struct ps_error *err)
{
    int result = 0;

    redis_learn_map(list->store, list->store->nodes);
    for (int slot = 0; slot < REDIS_SLOTS && result == 0 && list->ended == 0; slot++) {
        bool is_new;
        struct redis_node *node = next_node(list->store, slot, &is_new, err);

        if (node == NULL)
            result = PS_E_UNAVAILABLE;
        else if (is_new)
            result = redis_with_node(list->store, node, scan, list, err);
    }
    return result;
}

int redis_list(void *handle, ps_backend_each *each, void *context, struct ps_error *err)
{
    struct list list = {.store = handle, .each = each, .context = context};
    bool is_cluster = false;
    int result = redis_with_node(list.store, list.store->nodes, ask_cluster, &is_cluster, err);

    if (result == 0)
        result = is_cluster ? scan_cluster(&list, err)
                            : redis_with_node(list.store, list.store->nodes, scan, &list, err);
    return result < 0 ? result : list.ended;
}

/*
 * redis_node.c: the servers, their connections, and which of them has a key; see redis.h
 *
 * Of a cluster only the node of the URL is known at first. The first answer
 * that names another one brings the whole map (CLUSTER SLOTS); later ones mend
 * it slot by slot. Connections are kept, and each is of one call at a time.
 */
#include "redis.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/read.h>

enum { REDIRECTIONS = 8 };

/* --- commands ------------------------------------------------------------------- */

int redis_say(struct redis_conn *conn, int count, const char *const *words, struct ps_error *err)
{
    static const char *const asking[] = {"ASKING"};
    int result = conn->asks ? redis_wire_command(&conn->wire, 1, asking, err) : 0;

    return result < 0 ? result : redis_wire_command(&conn->wire, count, words, err);
}

static bool is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && digits <= 5 && text[digits] == '\0';
}

/* "MOVED 3999 127.0.0.1:6381", also with an IPv6 address; no host: the one that says it */
static bool read_redirect(struct redis_conn *conn, const char *text)
{
    struct redis_redirect *to = &conn->redirect;
    bool is_ask = strncmp(text, "ASK ", 4) == 0;
    const char *host, *colon;
    char *end;

    if (!is_ask && strncmp(text, "MOVED ", 6) != 0)
        return false;
    to->is_ask = is_ask;
    to->slot = (unsigned)strtoul(text + (is_ask ? 4 : 6), &end, 10);
    host = end + (*end == ' ');
    colon = strrchr(host, ':');
    /* a path would be a socket on this machine */
    if (colon == NULL || to->slot >= REDIS_SLOTS || colon - host >= (ptrdiff_t)sizeof(to->host) ||
        memchr(host, '/', (size_t)(colon - host)) != NULL || !is_port(colon + 1))
        return false;
    if (colon == host)
        strcpy(to->host, conn->node->host);
    else
        snprintf(to->host, sizeof(to->host), "%.*s", (int)(colon - host), host);
    strcpy(to->port, colon + 1);
    return true;
}

/* What the first word of an error tells. */
static int code_of(const char *text)
{
    static const struct {
        const char *word;
        int code;
    } codes[] = {
        {"NOAUTH", PS_E_REFUSED},
        {"WRONGPASS", PS_E_REFUSED},
        {"NOPERM", PS_E_REFUSED},
        {"DENIED", PS_E_REFUSED},
        {"LOADING", PS_E_UNAVAILABLE},
        {"BUSY", PS_E_UNAVAILABLE},
        {"CLUSTERDOWN", PS_E_UNAVAILABLE},
        {"TRYAGAIN", PS_E_UNAVAILABLE},
        {"READONLY", PS_E_UNAVAILABLE},
        {"MISCONF", PS_E_UNAVAILABLE},
        {"NOREPLICAS", PS_E_UNAVAILABLE},
        {"MASTERDOWN", PS_E_UNAVAILABLE},
        {"WRONGTYPE", PS_E_UNSUPPORTED},
        {"ERR max number of clients", PS_E_UNAVAILABLE},
        {"ERR invalid password", PS_E_REFUSED},
        {"ERR AUTH", PS_E_REFUSED},
    };

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strncmp(text, codes[i].word, strlen(codes[i].word)) == 0)
            return codes[i].code;
    return PS_E_SYSTEM;
}

/* An error that is the answer itself. */
static int said(struct redis_conn *conn, const struct redis_reply *reply, struct ps_error *err)
{
    if (read_redirect(conn, reply->text))
        return REDIS_REDIRECTED;
    /* an error about a command may repeat its words, and those of AUTH are secret */
    return ps_error_set(err, code_of(reply->text), 0, "redis %s: %.*s%s", conn->wire.name,
                        conn->is_login ? (int)strcspn(reply->text, " ") : 120, reply->text,
                        conn->is_login ? ", when logging in" : "");
}

int redis_hear(struct redis_conn *conn, struct redis_reply **reply, struct ps_error *err)
{
    int result = 0;

    if (conn->asks) {
        result = redis_wire_reply(&conn->wire, reply, err);
        if (result == 0)
            redis_reply_free(*reply);
    }
    *reply = NULL;
    if (result == 0)
        result = redis_wire_reply(&conn->wire, reply, err);
    if (result < 0 || (*reply)->type != REDIS_REPLY_ERROR)
        return result;
    result = said(conn, *reply, err);
    redis_reply_free(*reply);
    *reply = NULL;
    return result;
}

/* Say it, and want no more than that it was done. */
static int do_one(struct redis_conn *conn, int count, const char *const *words,
                  struct ps_error *err)
{
    struct redis_reply *reply;
    int result = redis_say(conn, count, words, err);

    if (result == 0)
        result = redis_hear(conn, &reply, err);
    if (result == 0)
        redis_reply_free(reply);
    return result;
}

/* --- connections ----------------------------------------------------------------- */

static int greet(const struct redis_store *store, struct redis_conn *conn, struct ps_error *err)
{
    const char *with_user[] = {"AUTH", store->user, store->password};
    const char *without[] = {"AUTH", store->password};
    char db[16];
    const char *choose[] = {"SELECT", db};
    int result = 0;

    conn->is_login = true;
    if (store->user[0] != '\0')
        result = do_one(conn, 3, with_user, err);
    else if (store->password[0] != '\0')
        result = do_one(conn, 2, without, err);
    conn->is_login = false;
    snprintf(db, sizeof(db), "%u", store->db);
    if (result == 0 && store->db != 0)
        result = do_one(conn, 2, choose, err);
    return result;
}

static void conn_close(struct redis_conn *conn)
{
    redis_wire_close(&conn->wire);
    free(conn);
}

static struct redis_conn *conn_open(const struct redis_store *store, struct redis_node *node,
                                    struct ps_error *err)
{
    struct redis_conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL) {
        ps_error_set(err, PS_E_NOMEM, ENOMEM, "redis %.100s", node->host);
        return NULL;
    }
    conn->node = node;
    conn->wire.timeout_ns = store->timeout_ns;
    conn->wire.is_tls = store->is_tls;
    if (redis_wire_open(&conn->wire, node->host, node->port, err) < 0) {
        free(conn);
        return NULL;
    }
    if (greet(store, conn, err) != 0) {
        conn_close(conn);
        return NULL;
    }
    return conn;
}

/* One that is kept, if it is still good, or a new one. */
static struct redis_conn *take(struct redis_store *store, struct redis_node *node,
                               struct ps_error *err)
{
    struct redis_conn *conn;

    for (;;) {
        pthread_mutex_lock(&store->lock);
        conn = node->idle;
        if (conn != NULL)
            node->idle = conn->next;
        pthread_mutex_unlock(&store->lock);
        if (conn == NULL)
            return conn_open(store, node, err);
        if (redis_wire_is_idle(&conn->wire))
            return conn;
        conn_close(conn);
    }
}

static void keep(struct redis_store *store, struct redis_conn *conn)
{
    pthread_mutex_lock(&store->lock);
    conn->next = conn->node->idle;
    conn->node->idle = conn;
    pthread_mutex_unlock(&store->lock);
}

/* --- nodes ------------------------------------------------------------------------ */

unsigned redis_slot(const char *key)
{
    const char *open = strchr(key, '{'), *close = open ? strchr(open + 1, '}') : NULL;
    size_t size = strlen(key);
    unsigned crc = 0;

    if (close != NULL && close > open + 1) {
        key = open + 1;
        size = (size_t)(close - key);
    }
    /* CRC-16/XMODEM, as the cluster's specification has it; keys are short */
    for (size_t i = 0; i < size; i++) {
        crc ^= (unsigned)(unsigned char)key[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xffff;
    }
    return crc % REDIS_SLOTS;
}

struct redis_node *redis_node_new(const char *host, const char *port)
{
    struct redis_node *node = calloc(1, sizeof(*node));

    if (node != NULL) {
        snprintf(node->host, sizeof(node->host), "%s", host);
        snprintf(node->port, sizeof(node->port), "%s", port);
    }
    return node;
}

/* With the lock held; NULL: no memory. */
static struct redis_node *find_node(struct redis_store *store, const char *host, const char *port)
{
    struct redis_node *node = store->nodes;

    for (; node != NULL; node = node->next)
        if (strcmp(node->host, host) == 0 && strcmp(node->port, port) == 0)
            return node;
    node = redis_node_new(host, port);
    if (node != NULL) { /* behind the first, which is the URL's */
        node->next = store->nodes->next;
        store->nodes->next = node;
    }
    return node;
}

void redis_nodes_close(struct redis_store *store)
{
    struct redis_node *node;

    while ((node = store->nodes) != NULL) {
        struct redis_conn *conn;

        while ((conn = node->idle) != NULL) {
            node->idle = conn->next;
            conn_close(conn);
        }
        store->nodes = node->next;
        free(node);
    }
    free(store->slot_node);
}

/* One line of the map: [first slot, last slot, [host, port, ...], replicas ...] */
static void learn_range(struct redis_store *store, const struct redis_conn *conn,
                        const struct redis_reply *range)
{
    const struct redis_reply *master;
    struct redis_node *node;
    const char *host;
    char port[24];

    if (range->type != REDIS_REPLY_ARRAY || range->size < 3)
        return;
    master = range->members[2];
    if (master->type != REDIS_REPLY_ARRAY || master->size < 2)
        return;
    host = master->members[0]->text[0] ? master->members[0]->text : conn->node->host;
    snprintf(port, sizeof(port), "%lld", master->members[1]->integer);
    if (!is_port(port) || strchr(host, '/') != NULL || strlen(host) >= sizeof(conn->node->host))
        return;
    node = find_node(store, host, port);
    for (long long slot = range->members[0]->integer;
         node != NULL && slot >= 0 && slot <= range->members[1]->integer && slot < REDIS_SLOTS;
         slot++)
        store->slot_node[slot] = node;
}

/*
 * The whole map, by a connection that has no answers under way. Without it the
 * cluster tells the place of each slot when it is asked there.
 */
void redis_learn_map(struct redis_store *store, struct redis_node *node)
{
    struct redis_conn *conn = take(store, node, NULL);
    struct redis_reply *reply;

    if (conn == NULL)
        return;
    if (REDIS_SAY(conn, NULL, "CLUSTER", "SLOTS") < 0 || redis_hear(conn, &reply, NULL) != 0) {
        conn_close(conn);
        return;
    }
    pthread_mutex_lock(&store->lock);
    if (store->slot_node == NULL)
        store->slot_node = calloc(REDIS_SLOTS, sizeof(struct redis_node *));
    for (size_t i = 0;
         store->slot_node != NULL && reply->type == REDIS_REPLY_ARRAY && i < reply->size; i++)
        learn_range(store, conn, reply->members[i]);
    pthread_mutex_unlock(&store->lock);
    redis_reply_free(reply);
    keep(store, conn);
}

/* The node that an answer named; it is remembered, unless it is for this once. */
static struct redis_node *follow(struct redis_store *store, struct redis_conn *conn,
                                 struct ps_error *err)
{
    const struct redis_redirect to = conn->redirect;
    struct redis_node *node;
    bool is_new = false;

    pthread_mutex_lock(&store->lock);
    if (store->slot_node == NULL) {
        store->slot_node = calloc(REDIS_SLOTS, sizeof(struct redis_node *));
        is_new = store->slot_node != NULL;
    }
    pthread_mutex_unlock(&store->lock);
    if (is_new)
        redis_learn_map(store, conn->node);
    pthread_mutex_lock(&store->lock);
    node = find_node(store, to.host, to.port);
    if (!to.is_ask && store->slot_node != NULL)
        store->slot_node[to.slot] = node;
    pthread_mutex_unlock(&store->lock);
    if (node == NULL)
        ps_error_set(err, PS_E_NOMEM, ENOMEM, "redis %.100s", to.host);
    return node;
}

static struct redis_node *node_of(struct redis_store *store, const char *key)
{
    struct redis_node *node = NULL;

    pthread_mutex_lock(&store->lock);
    if (store->slot_node != NULL)
        node = store->slot_node[redis_slot(key)];
    if (node == NULL)
        node = store->nodes;
    pthread_mutex_unlock(&store->lock);
    return node;
}

/* Another may have its slots by the next try: any node will tell. */
static void forget_node(struct redis_store *store, const struct redis_node *node)
{
    pthread_mutex_lock(&store->lock);
    for (int slot = 0; store->slot_node != NULL && slot < REDIS_SLOTS; slot++)
        if (store->slot_node[slot] == node)
            store->slot_node[slot] = NULL;
    pthread_mutex_unlock(&store->lock);
}

int redis_with(struct redis_store *store, const char *key, redis_call *call, void *argument,
               struct ps_error *err)
{
    struct redis_node *node = node_of(store, key);
    bool asks = false;

    for (int i = 0; i < REDIRECTIONS; i++) {
        struct redis_conn *conn = take(store, node, err);
        int result;

        if (conn == NULL) {
            forget_node(store, node);
            return err != NULL && err->code != 0 ? err->code : PS_E_UNAVAILABLE;
        }
        conn->asks = asks;
        result = call(conn, argument, err);
        conn->asks = false;
        if (result != REDIS_REDIRECTED) {
            /* after a failure answers may still be under way */
            if (result == 0)
                keep(store, conn);
            else
                conn_close(conn);
            return result;
        }
        asks = conn->redirect.is_ask;
        node = follow(store, conn, err);
        conn_close(conn);
        if (node == NULL)
            return PS_E_NOMEM;
    }
    return ps_error_set(err, PS_E_UNAVAILABLE, 0, "redis %.100s: sent from node to node",
                        store->nodes->host);
}

int redis_with_node(struct redis_store *store, struct redis_node *node, redis_call *call,
                    void *argument, struct ps_error *err)
{
    struct redis_conn *conn = take(store, node, err);
    int result;

    if (conn == NULL)
        return err != NULL && err->code != 0 ? err->code : PS_E_UNAVAILABLE;
    result = call(conn, argument, err);
    if (result == 0)
        keep(store, conn);
    else
        conn_close(conn);
    return result != REDIS_REDIRECTED
               ? result
               : ps_error_set(err, PS_E_UNAVAILABLE, 0, "redis %.100s: sent elsewhere", node->host);
}

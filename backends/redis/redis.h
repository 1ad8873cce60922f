/*
 * redis.h: what the files of the redis backend share
 *
 * An object is the value of one plain key, and nothing else, so that every
 * other client can read it. Beside it a put of ours leaves a hash, its manifest,
 * under a second key of the same slot, with a version and a size. A value that
 * others have set has no manifest, or one that does not fit its size, and then
 * has no version. An object that is too large for one value has a manifest and
 * no value, and parts under keys with the version in them; the version itself
 * says how large they are, so a reader of a part needs no manifest.
 */
#ifndef REDIS_H
#define REDIS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include <ps/backend.h>

#include "../module.h"

enum {
    REDIS_KEY_MAX = PS_URI_MAX + PS_VERSION_MAX + 32, /* of a key, or a part's */
    REDIS_CHUNK = 256 << 10,                          /* bytes of one GETRANGE: larger are slower */
    REDIS_SLOTS = 16384,
    REDIS_REDIRECTED = 1 /* of a call on a connection: another node has the key */
};

#define REDIS_VALUE_MAX  (UINT64_C(512) << 20) /* of a server with its defaults */
#define REDIS_PART_LEAST UINT64_C(4096)
#define REDIS_PART       (UINT64_C(64) << 20) /* of what is larger */

/* --- redis_wire.c: one connection, and what goes over it ----------------------------- */

/* What a server said. */
struct redis_reply {
    int type; /* REDIS_REPLY_* */
    long long integer;
    size_t size; /* bytes of text, or members */
    struct redis_reply **members;
    char text[]; /* closed by a NUL; empty where the bytes went to conn->into */
};

struct redis_wire {
    int fd; /* a number of ps_backend_hold */
    bool is_tls;
    void *session; /* of redis_tls, or NULL */
    dev_t device;
    ino_t inode;
    uint64_t timeout_ns; /* that one reply, or one piece of a value, may take */
    uint64_t last;       /* when the last reply came */
    struct redisReader *reader;
    char out[8192]; /* commands that go out with the next wait for a reply, in one packet */
    size_t out_size;
    char *into; /* where the bytes of the next reply go, if it is a string that fits; or NULL */
    size_t room;
    char name[128]; /* of the server, for messages */
};

/*
 * TLS on a connected socket, in modules that have it (backends/rediss). send and
 * recv are those of sockets; where they give EAGAIN, wants is what to wait for,
 * and EPROTO is what is wrong with TLS.
 */
struct redis_tls {
    int (*start)(void **session, const struct redis_wire *wire, const char *host, uint64_t deadline,
                 struct ps_error *err);
    void (*stop)(void *session);
    ssize_t (*send)(void *session, const void *bytes, size_t size, short *wants);
    ssize_t (*recv)(void *session, void *bytes, size_t size, short *wants);
    bool (*has_more)(void *session); /* than was taken: bytes are here, in the session */
    const char *(*why)(void);        /* the last call of this thread gave EPROTO */
};

extern const struct redis_tls redis_tls __attribute__((weak));

/* redis_wire_wait: until the socket is ready for that; 0, or the errno */
int redis_wire_wait(const struct redis_wire *wire, short what, uint64_t deadline);

/* redis_wire_open: connect to host and port, or to the socket at path host where port is "" */
int redis_wire_open(struct redis_wire *wire, const char *host, const char *port,
                    struct ps_error *err);
void redis_wire_close(struct redis_wire *wire);

/* redis_wire_is_idle: it is still ours, open, not old, and nothing has come that nobody asked for
 */
bool redis_wire_is_idle(const struct redis_wire *wire);

/* redis_wire_command: one command of so many words, each closed by a NUL; it goes out with the next
 * bytes, or when a reply is wanted */
int redis_wire_command(struct redis_wire *wire, int count, const char *const *words,
                       struct ps_error *err);

/* redis_wire_send: send bytes as they are, behind the commands of before */
int redis_wire_send(struct redis_wire *wire, const void *bytes, size_t size, struct ps_error *err);

/*
 * redis_wire_reply: the next reply; to be freed with redis_reply_free
 *
 * Errors: PS_E_UNAVAILABLE when it does not come in time, or the connection
 * breaks. That the server said an error is none.
 */
int redis_wire_reply(struct redis_wire *wire, struct redis_reply **reply, struct ps_error *err);
void redis_reply_free(struct redis_reply *reply);

/* --- redis_node.c: the servers, their connections, and which of them has a key -------- */

struct redis_conn {
    struct redis_wire wire;
    struct redis_node *node;
    struct redis_conn *next; /* idle, too */
    bool is_login;           /* what it says now must not be quoted */
    bool asks;               /* each command is to be preceded by ASKING */
    struct redis_redirect {
        bool is_ask; /* for this command only; else from now on */
        unsigned slot;
        char host[256], port[8];
    } redirect;
};

struct redis_node {
    char host[256], port[8];
    struct redis_conn *idle;
    struct redis_node *next;
};

struct redis_store {
    char user[256], password[4096]; /* "": none */
    unsigned db;
    bool is_tls;
    uint64_t timeout_ns;
    uint64_t ttl_s;                /* of what is put; 0: no end */
    uint64_t part_size;            /* what is larger is put in parts of this size */
    pthread_mutex_t lock;          /* protects what follows */
    struct redis_node *nodes;      /* the first is the URL's; none ever goes */
    struct redis_node **slot_node; /* REDIS_SLOTS of them once a cluster has said so, or NULL */
};

/* A call that needs one connection: 0, a negative code, or REDIS_REDIRECTED. */
typedef int redis_call(struct redis_conn *conn, void *argument, struct ps_error *err);

/* redis_with: make the call on a connection to the node that has the key, wherever it moves */
int redis_with(struct redis_store *store, const char *key, redis_call *call, void *argument,
               struct ps_error *err);

/* redis_with_node: make it on a connection to this node */
int redis_with_node(struct redis_store *store, struct redis_node *node, redis_call *call,
                    void *argument, struct ps_error *err);

/* redis_learn_map: ask a node of a cluster for the places of all slots, as far as it tells */
void redis_learn_map(struct redis_store *store, struct redis_node *node);

struct redis_node *redis_node_new(const char *host, const char *port);
void redis_nodes_close(struct redis_store *store);

/* redis_slot: the slot of a key, by CRC-16 of it, or of what is between its first braces */
unsigned redis_slot(const char *key);

/* redis_say: send a command with so many words; redis_hear: its reply, or what went wrong with it
 */
int redis_say(struct redis_conn *conn, int count, const char *const *words, struct ps_error *err);
int redis_hear(struct redis_conn *conn, struct redis_reply **reply, struct ps_error *err);

#define REDIS_SAY(conn, err, ...)                                                                  \
    redis_say(conn, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),                 \
              (const char *[]){__VA_ARGS__}, err)

/* --- redis_object.c: keys, versions and manifests ------------------------------------ */

/* What is under a key. */
struct redis_object {
    uint64_t size;
    uint64_t part_size; /* 0: one value */
    char version[PS_VERSION_MAX];
};

/* redis_manifest_key: of an object's manifest, in the same slot; PS_E_INVALID: it can't have one */
int redis_manifest_key(char manifest[REDIS_KEY_MAX], const char *key, struct ps_error *err);

/* redis_manifest_read: from the answer with its version and size; no version where there is none */
void redis_manifest_read(const struct redis_reply *fields, struct redis_object *object);

/* redis_part_key: of the part with this number, of the object with this version */
void redis_part_key(char part[REDIS_KEY_MAX], const char *key, const char *version,
                    uint64_t number);

/*
 * redis_read_version: "<32 digits>", or "<32 digits>.p<size of parts>.<size>" of an object in parts
 *
 * Fills the sizes; negative: not of a put of ours.
 */
int redis_read_version(struct redis_object *object, const char *version);

/*
 * redis_transact: EXEC after a MULTI and so many commands: *all has their answers, which may be
 * errors; to be freed
 */
int redis_transact(struct redis_conn *conn, int count, struct redis_reply **all,
                   struct ps_error *err);

/* redis_settled: PS_E_UNAVAILABLE where the key's slot is on its way to this node */
int redis_settled(const struct redis_conn *conn, struct ps_error *err);

/* redis_look: PS_E_NOT_FOUND where there is no such object */
int redis_look(struct redis_store *store, const char *key, struct redis_object *object,
               struct ps_error *err);

/* redis_remove_parts: of an object that is gone, or was replaced */
int redis_remove_parts(struct redis_store *store, const char *key,
                       const struct redis_object *object, struct ps_error *err);

/* --- redis_read.c, redis_put.c: members of the backend -------------------------------- */
int redis_read(void *handle, const char *key, const struct ps_object_info *expected, void *buffer,
               size_t size, uint64_t offset, struct ps_error *err);
int redis_put(void *handle, const char *key, const struct ps_content *content,
              struct ps_object_info *info, struct ps_error *err);

/* --- redis_list.c --- */
int redis_list(void *handle, ps_backend_each *each, void *context, struct ps_error *err);

#endif

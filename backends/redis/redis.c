/*
 * redis.c: objects in Redis, KeyDB, Valkey, or a cluster of them
 *
 * redis://[user@]host[:6379][/db] or redis:///path/of/socket[:db], and by TLS
 * rediss://[user@]host[:6379][/db]. The password comes from a configured store's URL or from
 * REDISCLI_AUTH.
 */
#include "redis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/read.h>

#define TIMEOUT_MOST (UINT64_C(600) * 1000000000)

/* --- the URL ------------------------------------------------------------------------ */

static int take_options(struct redis_store *store, char *url, struct ps_error *err)
{
    uint64_t ttl = 0;

    store->timeout_ns = UINT64_C(60) * 1000000000;
    if (module_number(&store->timeout_ns, url, "timeout", ps_parse_time, err) < 0 ||
        module_number(&ttl, url, "ttl", ps_parse_time, err) < 0 ||
        module_number(&store->part_size, url, "part", ps_parse_size, err) < 0 ||
        ps_url_end_options(url, err) < 0)
        return PS_E_INVALID;
    if (store->timeout_ns == 0 || store->timeout_ns > TIMEOUT_MOST)
        return ps_error_set(err, PS_E_INVALID, 0, "timeout is nothing, or more than 600s");
    if (ttl > 0 && ttl < 1000000000)
        return ps_error_set(err, PS_E_INVALID, 0, "ttl is less than 1s");
    if (store->part_size != 0 &&
        (store->part_size < REDIS_PART_LEAST || store->part_size > REDIS_VALUE_MAX))
        return ps_error_set(err, PS_E_INVALID, 0, "part is less than 4K or more than 512M");
    store->ttl_s = ttl / 1000000000;
    return 0;
}

static int decode(char *out, size_t size, const char *text, size_t length)
{
    size_t used = 0;

    for (size_t i = 0; i < length; i++) {
        unsigned byte = (unsigned char)text[i];
        char digits[3] = "";

        if (byte == '%') {
            if (length - i < 3)
                return -1;
            memcpy(digits, text + i + 1, 2);
            if (strspn(digits, "0123456789abcdefABCDEF") != 2)
                return -1;
            byte = (unsigned)strtoul(digits, NULL, 16);
            i += 2;
        }
        if (byte == 0 || used + 1 >= size)
            return -1;
        out[used++] = (char)byte;
    }
    out[used] = '\0';
    return 0;
}

/* user:password@, of which each may be left out */
static int read_user(struct redis_store *store, const char *at, size_t length)
{
    const char *colon = memchr(at, ':', length);
    size_t user = colon ? (size_t)(colon - at) : length;

    if (decode(store->user, sizeof(store->user), at, user) < 0)
        return -1;
    return colon == NULL
               ? 0
               : decode(store->password, sizeof(store->password), colon + 1, length - user - 1);
}

/* host, host:port, [v6], [v6]:port */
static int read_host(char *host, size_t size, char port[8], const char *at, size_t length)
{
    const char *end = at + length, *colon = memrchr(at, ':', length);
    const char *bracket = at[0] == '[' ? memchr(at, ']', length) : NULL;

    strcpy(port, "6379");
    if (at[0] == '[' && bracket == NULL)
        return -1;
    if (colon != NULL && (bracket == NULL || colon > bracket)) {
        size_t digits = (size_t)(end - colon - 1);

        if (digits == 0 || digits > 5 || strspn(colon + 1, "0123456789") < digits)
            return -1;
        memcpy(port, colon + 1, digits);
        port[digits] = '\0';
        end = colon;
    }
    if (bracket != NULL) {
        if (bracket + 1 != end)
            return -1;
        at++;
        end = bracket;
    }
    return end == at ? -1 : decode(host, size, at, (size_t)(end - at));
}

/* "", "/" or "/3" */
static int read_db(unsigned *db, const char *path)
{
    size_t digits = strspn(path + (*path == '/'), "0123456789");

    if (*path == '/')
        path++;
    if (path[digits] != '\0' || digits > 9)
        return -1;
    *db = (unsigned)strtoul(path, NULL, 10);
    return 0;
}

/* /path/of/socket, or /path/of/socket:3: the database is no option, as those are anybody's */
static int read_socket(struct redis_store *store, char *host, size_t size, char port[8],
                       const char *path)
{
    const char *colon = strrchr(path, ':');

    if (colon != NULL && (colon[1] == '\0' || read_db(&store->db, colon + 1) < 0))
        return -1;
    port[0] = '\0';
    return path[0] == '/' && path[1] != '\0'
               ? decode(host, size, path, colon ? (size_t)(colon - path) : strlen(path))
               : -1;
}

/* Fills host (or the path of the socket, and then no port), and the rest in *store. */
static int read_place(struct redis_store *store, char *host, size_t size, char port[8],
                      const char *url)
{
    const char *at = strstr(url, "://") + 3;
    size_t authority = strcspn(at, "/");
    const char *name = memrchr(at, '@', authority);

    if (name != NULL) {
        if (read_user(store, at, (size_t)(name - at)) < 0)
            return -1;
        authority -= (size_t)(name + 1 - at);
        at = name + 1;
    }
    if (authority > 0)
        return read_host(host, size, port, at, authority) < 0 || read_db(&store->db, at + authority)
                   ? -1
                   : 0;
    return store->is_tls ? -1 : read_socket(store, host, size, port, at);
}

static int read_url(struct redis_store *store, char *host, size_t size, char port[8],
                    const char *url, struct ps_error *err)
{
    char copy[PS_URI_MAX];
    const char *secret = getenv("REDISCLI_AUTH");

    store->is_tls = strncmp(url, "rediss://", 9) == 0;
    if (store->is_tls && &redis_tls == NULL)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0,
                            "rediss: this build has no TLS for Redis; stunnel can stand between");
    if ((!store->is_tls && strncmp(url, "redis://", 8) != 0) || strlen(url) >= sizeof(copy))
        return ps_error_set(err, PS_E_INVALID, 0, "not a redis:// URL");
    strcpy(copy, url);
    copy[strcspn(copy, "?")] = '\0';
    if (read_place(store, host, size, port, copy) < 0)
        return ps_error_set(err, PS_E_INVALID, 0,
                            "not redis://[user@]host[:port][/db] or redis:///path/of/socket[:db]");
    if (store->password[0] == '\0' && secret != NULL) {
        if (strlen(secret) >= sizeof(store->password))
            return ps_error_set(err, PS_E_INVALID, 0, "REDISCLI_AUTH is too long");
        strcpy(store->password, secret);
    }
    strcpy(copy, url);
    return take_options(store, copy, err);
}

/* --- members of the backend ---------------------------------------------------------- */

static int redis_open(void **handle, const char *url, struct ps_error *err)
{
    struct redis_store *store = calloc(1, sizeof(*store));
    char host[256], port[8];
    int result;

    if (store == NULL)
        return ps_error_set(err, PS_E_NOMEM, errno, "opening a redis store");
    result = read_url(store, host, sizeof(host), port, url, err);
    if (result == 0 && (store->nodes = redis_node_new(host, port)) == NULL)
        result = ps_error_set(err, PS_E_NOMEM, errno, "opening a redis store");
    if (result < 0) {
        free(store);
        return result;
    }
    pthread_mutex_init(&store->lock, NULL);
    *handle = store;
    return 0;
}

static void redis_close(void *handle)
{
    struct redis_store *store = handle;

    redis_nodes_close(store);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

static int redis_stat(void *handle, const char *key, struct ps_object_info *info,
                      struct ps_error *err)
{
    struct redis_object object;
    int result = redis_look(handle, key, &object, err);

    if (result < 0)
        return result;
    info->size = object.size;
    strcpy(info->version, object.version);
    return 0;
}

struct evict {
    const char *key, *manifest;
    struct redis_object old;
};

static int remove_both(struct redis_conn *conn, void *argument, struct ps_error *err)
{
    struct evict *evict = argument;
    struct redis_reply *all;
    int result = redis_settled(conn, err);

    if (result == 0)
        result = REDIS_SAY(conn, err, "MULTI");
    if (result == 0)
        result = REDIS_SAY(conn, err, "HMGET", evict->manifest, "version", "size");
    if (result == 0)
        result = REDIS_SAY(conn, err, "UNLINK", evict->key, evict->manifest);
    if (result == 0)
        result = redis_transact(conn, 2, &all, err);
    if (result != 0)
        return result;
    redis_manifest_read(all->members[0], &evict->old);
    redis_reply_free(all);
    return 0;
}

static int redis_evict(void *handle, const char *key, struct ps_error *err)
{
    char manifest[REDIS_KEY_MAX];
    struct evict evict = {.key = key, .manifest = manifest};
    int result = redis_manifest_key(manifest, key, err);

    if (result == 0)
        result = redis_with(handle, key, remove_both, &evict, err);
    return result < 0 ? result : redis_remove_parts(handle, key, &evict.old, err);
}

static const struct ps_backend backend = {
    .struct_size = sizeof(struct ps_backend),
    .api_version = PS_BACKEND_API,
    .flags = PS_BACKEND_PARALLEL | PS_BACKEND_REMOTE,
    .name = "redis",
    .schemes = "redis rediss",
    .help = "timeout=TIME: what one answer may take, at most 600s (60s)\n"
            "ttl=TIME: after which what is put goes (never)\n"
            "part=SIZE: larger objects are put in parts of this size (above 512M, of 64M)\n",
    .open = redis_open,
    .close = redis_close,
    .stat = redis_stat,
    .read = redis_read,
    .put = redis_put,
    .evict = redis_evict,
    .list = redis_list,
};

PS_API const struct ps_backend *ps_backend_init(uint32_t api_version)
{
    return api_version == PS_BACKEND_API ? &backend : NULL;
}

/*
 * s3.c: objects in S3 and what speaks like it
 *
 * s3://bucket[/prefix]. Where that is, and who asks, is in the environment and
 * the files that other tools of S3 use: an endpoint that a proxy could name
 * would get signed requests.
 */
#include "s3.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#define PART       (UINT64_C(64) << 20)
#define PART_LEAST (UINT64_C(5) << 20) /* of S3 itself; but for the last */
#define PART_MOST  (UINT64_C(1) << 30)

/* --- the URL ------------------------------------------------------------------------ */

/* A bucket's name is a word of host names, so that it can be a part of one. */
static bool is_bucket(const char *name, size_t size)
{
    return size >= 3 && size <= 63 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-._ABCDEFGHIJKLMNOPQRSTUVWXYZ") >=
               size &&
           name[0] != '.' && name[size - 1] != '.';
}

/*
 * Amazon's hosts have the bucket in their name, unless it has dots, which no
 * certificate allows; at other endpoints it is the first step of the path.
 */
static bool place(struct s3_store *store, const char *bucket, size_t length)
{
    char *out = store->http.folder;
    const size_t size = sizeof(store->http.folder);
    char endpoint[HTTP_TEXT_MAX];
    size_t end;

    s3_setting(endpoint, sizeof(endpoint), "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL",
               "endpoint_url");
    end = strlen(endpoint);
    if (end > 0) {
        snprintf(out, size, "%.*s", (int)(end - (endpoint[end - 1] == '/')), endpoint);
    } else {
        snprintf(store->bucket, sizeof(store->bucket), "%.*s", (int)length, bucket);
        s3_host(out, size, store->bucket, store->region);
    }
    end = strlen(out);
    return (store->bucket[0] != '\0' && strchr(store->bucket, '.') == NULL) ||
           snprintf(out + end, size - end, "/%.*s", (int)length, bucket) < (int)(size - end);
}

/*
 * Each step of the prefix written as S3 signs it: %-escapes, but none for what
 * needs none. A step may be empty; a slash at either end only ends it.
 */
static bool add_prefix(char *out, size_t size, const char *prefix)
{
    size_t used = strlen(out);
    int length = 0;
    char *plain = curl_easy_unescape(NULL, prefix, (int)strlen(prefix), &length), *step, *rest;
    bool fits = plain != NULL && strlen(plain) == (size_t)length;

    if (fits && length > 1 && plain[length - 1] == '/')
        plain[length - 1] = '\0';
    rest = fits && plain[0] == '/' ? plain + 1 : plain;
    if (rest != NULL && rest[0] == '\0')
        rest = NULL;
    while (fits && (step = strsep(&rest, "/")) != NULL) {
        char *escaped = curl_easy_escape(NULL, step, 0);

        fits = escaped != NULL &&
               (used += (size_t)snprintf(out + used, size - used, "/%s", escaped)) < size;
        curl_free(escaped);
    }
    curl_free(plain);
    return fits;
}

static bool read_login(struct s3_session *session, const char *at, size_t size)
{
    struct s3_login *login = &session->login;
    const char *colon = memchr(at, ':', size);
    char *key, *secret;
    int key_size, secret_size;

    if (colon == NULL)
        return true; /* a name alone is nobody */
    key = curl_easy_unescape(NULL, at, (int)(colon - at), &key_size);
    secret = curl_easy_unescape(NULL, colon + 1, (int)(at + size - colon - 1), &secret_size);
    session->is_fixed =
        key != NULL && secret != NULL &&
        snprintf(login->key, sizeof(login->key), "%s", key) < (int)sizeof(login->key) &&
        snprintf(login->secret, sizeof(login->secret), "%s", secret) < (int)sizeof(login->secret);
    curl_free(key);
    curl_free(secret);
    return session->is_fixed;
}

static int read_place(struct s3_store *store, const char *url, struct ps_error *err)
{
    const char *at = url + strlen("s3://");
    size_t size = strcspn(at, "/");
    const char *login = memrchr(at, '@', size);
    char *folder = store->http.folder;

    if (login != NULL) {
        if (!read_login(&store->session, at, (size_t)(login - at)))
            return ps_error_set(err, PS_E_INVALID, 0, "a key or secret that can't be one");
        size -= (size_t)(login + 1 - at);
        at = login + 1;
    }
    if (!is_bucket(at, size))
        return ps_error_set(err, PS_E_INVALID, 0, "not s3://bucket[/prefix]");
    if (!place(store, at, size))
        return ps_error_set(err, PS_E_INVALID, 0, "too long a place");
    store->prefix_size = strlen(folder);
    if (!add_prefix(folder, sizeof(store->http.folder), at + size))
        return ps_error_set(err, PS_E_INVALID, 0, "too long a prefix, or no escapes of a URL");
    store->prefix_size = strlen(folder) - store->prefix_size;
    if (!s3_is_url(folder))
        return ps_error_set(err, PS_E_INVALID, 0, "the endpoint is no http[s]:// URL");
    return 0;
}

static int read_url(struct s3_store *store, const char *given, struct ps_error *err)
{
    char copy[PS_URI_MAX];

    if (strncmp(given, "s3://", 5) != 0 || strlen(given) >= sizeof(copy))
        return ps_error_set(err, PS_E_INVALID, 0, "not an s3:// URL");
    strcpy(copy, given);
    store->part_size = PART;
    if (http_take_timeout(&store->http, copy, err) < 0 ||
        module_number(&store->part_size, copy, "s3.part", ps_parse_size, err) < 0 ||
        ps_url_end_options(copy, err) < 0)
        return PS_E_INVALID;
    if (store->part_size < PART_LEAST || store->part_size > PART_MOST)
        return ps_error_set(err, PS_E_INVALID, 0, "s3.part is not from 5M to 1G");
    copy[strcspn(copy, "?")] = '\0';
    s3_home_region(store->region);
    return read_place(store, copy, err);
}

/* --- members of the backend ---------------------------------------------------------- */

static int s3_open(void **handle, const char *url, struct ps_error *err)
{
    struct s3_store *store = calloc(1, sizeof(*store));
    int result;

    if (store == NULL)
        return ps_error_set(err, PS_E_NOMEM, ENOMEM, "opening an s3 store");
    store->http.sign = s3_sign;
    store->http.again = s3_again;
    store->http.check = s3_check;
    result = read_url(store, url, err);
    if (result == 0)
        result = http_store_start(&store->http, err);
    if (result < 0) {
        free(store);
        return result;
    }
    pthread_mutex_init(&store->session.lock, NULL);
    pthread_cond_init(&store->session.is_asked, NULL);
    *handle = store;
    return 0;
}

static void s3_close(void *handle)
{
    struct s3_store *store = handle;

    http_store_stop(&store->http);
    pthread_cond_destroy(&store->session.is_asked);
    pthread_mutex_destroy(&store->session.lock);
    OPENSSL_cleanse(&store->session.login, sizeof(store->session.login));
    free(store);
}

static int s3_stat(void *handle, const char *key, struct ps_object_info *info, struct ps_error *err)
{
    int result = s3_check_key(key, err);

    return result == 0 ? http_stat(handle, key, info, err) : result;
}

static int s3_read(void *handle, const char *key, const struct ps_object_info *expected,
                   void *buffer, size_t size, uint64_t offset, struct ps_error *err)
{
    int result = s3_check_key(key, err);

    return result == 0 ? http_read(handle, key, expected, buffer, size, offset, err) : result;
}

/* With the endpoint: two of them may have a bucket of one name. */
static const char *s3_place(void *handle)
{
    return ((struct s3_store *)handle)->http.folder;
}

static const struct ps_backend backend = {
    .struct_size = sizeof(struct ps_backend),
    .api_version = PS_BACKEND_API,
    .flags = PS_BACKEND_PARALLEL | PS_BACKEND_REMOTE,
    .name = "s3",
    .schemes = "s3",
    .help = "http.timeout=TIME: what one request may take, at most 600s (60s)\n"
            "s3.part=SIZE: what is larger is put in parts of this size, 5M to 1G (64M)\n",
    .open = s3_open,
    .close = s3_close,
    .stat = s3_stat,
    .read = s3_read,
    .put = s3_put,
    .evict = s3_evict,
    .list = s3_list,
    .place = s3_place,
    .parts = s3_parts,
    .check = s3_check_part,
};

PS_API const struct ps_backend *ps_backend_init(uint32_t api_version)
{
    return api_version == PS_BACKEND_API && http_start() ? &backend : NULL;
}

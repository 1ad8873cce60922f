/*
 * http.c: what can be had by a GET; read-only
 *
 * http://host[:port]/path or https://, each with a query. A user and password,
 * or a token as the password of no user, come from a configured store's URL;
 * else from ~/.netrc.
 */
#include "http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- the URL ------------------------------------------------------------------------ */

/* A part of the URL, or "" where it has none; false: it does not fit. */
static bool get_part(char *out, size_t size, CURLU *url, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    bool fits;

    curl_url_get(url, part, &text, flags);
    fits = snprintf(out, size, "%s", text != NULL ? text : "") < (int)size;
    curl_free(text);
    return fits;
}

static bool read_login(struct http_store *store, CURLU *url)
{
    char user[HTTP_TEXT_MAX], password[HTTP_TEXT_MAX];

    if (!get_part(user, sizeof(user), url, CURLUPART_USER, CURLU_URLDECODE) ||
        !get_part(password, sizeof(password), url, CURLUPART_PASSWORD, CURLU_URLDECODE))
        return false;
    if (password[0] == '\0')
        return true;
    if (user[0] == '\0') {
        strcpy(store->token, password);
        return true;
    }
    return snprintf(store->login, sizeof(store->login), "%s:%s", user, password) <
           (int)sizeof(store->login);
}

/* The rest without its user, password and query. */
static bool read_folder(struct http_store *store, CURLU *url)
{
    size_t size;

    if (curl_url_set(url, CURLUPART_USER, NULL, 0) != CURLUE_OK ||
        curl_url_set(url, CURLUPART_PASSWORD, NULL, 0) != CURLUE_OK ||
        curl_url_set(url, CURLUPART_QUERY, NULL, 0) != CURLUE_OK ||
        !get_part(store->folder, sizeof(store->folder), url, CURLUPART_URL, 0))
        return false;
    size = strlen(store->folder);
    if (size > 0 && store->folder[size - 1] == '/')
        store->folder[size - 1] = '\0';
    return size > 0;
}

static int read_url(struct http_store *store, const char *given, struct ps_error *err)
{
    char copy[PS_URI_MAX];
    size_t query;
    CURLU *url;
    bool is_good;

    if (strlen(given) >= sizeof(copy))
        return ps_error_set(err, PS_E_INVALID, 0, "too long a URL");
    strcpy(copy, given);
    if (http_take_timeout(store, copy, err) < 0)
        return PS_E_INVALID;
    query = strcspn(copy, "?");
    strcpy(store->query, copy + query);
    url = curl_url();
    if (url == NULL)
        return ps_error_set(err, PS_E_NOMEM, ENOMEM, "opening an http store");
    is_good = curl_url_set(url, CURLUPART_URL, copy, 0) == CURLUE_OK && read_login(store, url) &&
              read_folder(store, url);
    curl_url_cleanup(url);
    return is_good ? 0
                   : ps_error_set(err, PS_E_INVALID, 0, "not http[s]://host[:port][/path][?query]");
}

/* --- open and close ------------------------------------------------------------------- */

static int http_open(void **handle, const char *url, struct ps_error *err)
{
    struct http_store *store = calloc(1, sizeof(*store));
    int result;

    if (store == NULL)
        return ps_error_set(err, PS_E_NOMEM, ENOMEM, "opening an http store");
    result = read_url(store, url, err);
    if (result == 0)
        result = http_store_start(store, err);
    if (result < 0) {
        free(store);
        return result;
    }
    *handle = store;
    return 0;
}

static void http_close(void *handle)
{
    struct http_store *store = handle;

    http_store_stop(store);
    free(store);
}

static const struct ps_backend backend = {
    .struct_size = sizeof(struct ps_backend),
    .api_version = PS_BACKEND_API,
    .flags = PS_BACKEND_PARALLEL | PS_BACKEND_REMOTE,
    .name = "http",
    .schemes = "http https",
    .help = "http.timeout=TIME: what one request may take, at most 600s (60s)\n"
            "other options are the server's\n",
    .open = http_open,
    .close = http_close,
    .stat = http_stat,
    .read = http_read,
};

PS_API const struct ps_backend *ps_backend_init(uint32_t api_version)
{
    return api_version == PS_BACKEND_API && http_start() ? &backend : NULL;
}

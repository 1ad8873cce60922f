/*
 * s3_list.c: the objects of a store: those right below its prefix; see s3.h
 *
 * By ListObjectsV2, a page at a time. Keys come percent-encoded, as XML can't
 * hold all of them.
 */
#include "s3.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MOST (UINT64_C(16) << 20) /* a thousand keys of a thousand letters are 4M */

struct listing {
    struct s3_store *store;
    char prefix[PS_URI_MAX]; /* as keys begin: "a b/c/", or "" */
    char escaped[HTTP_URL_MAX];
    char token[2 * HTTP_TEXT_MAX]; /* of the next page, escaped; "" for the first */
    char *page;
    size_t size, room;
    bool is_failed; /* the page does not fit */
};

static bool sink_page(void *to, const char *bytes, size_t size)
{
    struct listing *listing = to;
    size_t room = listing->room > 0 ? listing->room : 1 << 16;
    char *page;

    while (room < PAGE_MOST && room - listing->size <= size)
        room *= 2;
    page = room - listing->size > size ? realloc(listing->page, room) : NULL;
    listing->is_failed = page == NULL;
    if (page == NULL)
        return false;
    memcpy(page + listing->size, bytes, size);
    listing->page = page;
    listing->room = room;
    listing->size += size;
    page[listing->size] = '\0';
    return true;
}

/* The steps that the store's folder ends with, as a key begins with them, and as queries hold that.
 */
static bool set_prefix(struct listing *listing)
{
    struct s3_store *store = listing->store;
    char *plain, *escaped;
    int size;
    bool fits;

    if (store->prefix_size == 0)
        return true;
    pthread_mutex_lock(&store->http.lock);
    snprintf(listing->escaped, sizeof(listing->escaped), "%s/",
             store->http.folder + strlen(store->http.folder) - store->prefix_size + 1);
    pthread_mutex_unlock(&store->http.lock);
    plain = curl_easy_unescape(NULL, listing->escaped, 0, &size);
    escaped = plain != NULL ? curl_easy_escape(NULL, plain, size) : NULL;
    fits = escaped != NULL &&
           snprintf(listing->prefix, sizeof(listing->prefix), "%s", plain) <
               (int)sizeof(listing->prefix) &&
           snprintf(listing->escaped, sizeof(listing->escaped), "%s", escaped) <
               (int)sizeof(listing->escaped);
    curl_free(plain);
    curl_free(escaped);
    return fits;
}

static int get_page(struct listing *listing, struct ps_error *err)
{
    char query[2 * HTTP_URL_MAX];
    struct http_request request = {.key = "",
                                   .cut = listing->store->prefix_size,
                                   .query = query,
                                   .sink = sink_page,
                                   .to = listing};
    struct http_transfer *transfer = http_transfer_get(&listing->store->http, err);
    int result;

    if (transfer == NULL)
        return PS_E_NOMEM;
    /* in the order that they are signed in */
    snprintf(query, sizeof(query), "?%s%s%sdelimiter=%%2F&encoding-type=url&list-type=2&prefix=%s",
             listing->token[0] != '\0' ? "continuation-token=" : "", listing->token,
             listing->token[0] != '\0' ? "&" : "", listing->escaped);
    listing->size = 0;
    result = http_get(transfer, &request, err);
    if (result == 0 && transfer->reply.status != 200)
        result = http_refusal(&transfer->reply, "the list", err);
    http_transfer_put(transfer);
    if (result == 0 && listing->is_failed)
        result = ps_error_set(err, PS_E_NOMEM, ENOMEM, "no room for a list");
    return result;
}

static int refuse_page(struct ps_error *err)
{
    return ps_error_set(err, PS_E_CORRUPT, 0, "the answer is no list of objects");
}

/* "+" is a blank, as in a form. NULL: no memory, or no text */
static char *decode_key(char *text)
{
    char *plain;
    int size;

    for (char *at = text; (at = strchr(at, '+')) != NULL;)
        *at = ' ';
    plain = curl_easy_unescape(NULL, text, 0, &size);
    if (plain != NULL && strlen(plain) == (size_t)size)
        return plain;
    curl_free(plain);
    return NULL;
}

/* One element Contents. What stands for a folder itself has no key of its own. */
static int tell(const struct listing *listing, const char *entry, ps_backend_each *each,
                void *context, struct ps_error *err)
{
    struct ps_object_info info = {.size = 0};
    char text[2 * HTTP_URL_MAX], size[32], *key, *end;
    size_t prefix = strlen(listing->prefix);
    int result = 0;

    http_element(size, sizeof(size), entry, "Size");
    http_element(info.version, sizeof(info.version), entry, "ETag");
    http_element(text, sizeof(text), entry, "Key");
    s3_unquote(info.version);
    errno = 0;
    info.size = strtoull(size, &end, 10);
    key = decode_key(text);
    if (key == NULL || errno != 0 || size[0] < '0' || size[0] > '9' || *end != '\0' ||
        info.version[0] == '\0' || strncmp(key, listing->prefix, prefix) != 0)
        result = refuse_page(err);
    else if (key[prefix] != '\0' && strchr(key + prefix, '/') == NULL)
        result = each(context, key + prefix, &info);
    curl_free(key);
    return result;
}

static int tell_all(struct listing *listing, ps_backend_each *each, void *context,
                    struct ps_error *err)
{
    static const char begin[] = "<Contents>", end[] = "</Contents>";
    char *at = listing->page, *last;
    int result = 0;

    while (result == 0 && (at = strstr(at, begin)) != NULL) {
        last = strstr(at, end);
        if (last == NULL)
            return refuse_page(err);
        *last = '\0';
        result = tell(listing, at, each, context, err);
        at = last + 1;
    }
    return result;
}

/* After a page: is there another? 1, 0 or negative. Looked at before the page is cut into entries.
 */
static int turn_page(struct listing *listing, struct ps_error *err)
{
    char text[sizeof(listing->token)], *escaped;
    bool is_next;

    if (listing->size == 0 || strstr(listing->page, "</ListBucketResult>") == NULL)
        return refuse_page(err);
    if (strstr(listing->page, "<EncodingType>url</EncodingType>") == NULL)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "the server lists no encoded keys");
    http_element(text, sizeof(text), listing->page, "IsTruncated");
    if (strcmp(text, "true") != 0)
        return 0;
    http_element(text, sizeof(text), listing->page, "NextContinuationToken");
    escaped = curl_easy_escape(NULL, text, 0);
    is_next = escaped != NULL && text[0] != '\0' && strlen(escaped) < sizeof(listing->token) &&
              strcmp(escaped, listing->token) != 0;
    if (is_next)
        strcpy(listing->token, escaped);
    curl_free(escaped);
    return is_next ? 1 : refuse_page(err);
}

int s3_list(void *handle, ps_backend_each *each, void *context, struct ps_error *err)
{
    struct listing *listing = calloc(1, sizeof(*listing));
    int result, more = 1;

    if (listing == NULL)
        return ps_error_set(err, PS_E_NOMEM, ENOMEM, "no memory for a list");
    listing->store = handle;
    result = set_prefix(listing)
                 ? 0
                 : ps_error_set(err, PS_E_INVALID, 0, "too long a prefix for a list");
    while (result == 0 && more == 1) {
        result = get_page(listing, err);
        if (result == 0)
            more = turn_page(listing, err);
        if (result == 0)
            result = more < 0 ? more : tell_all(listing, each, context, err);
    }
    free(listing->page);
    free(listing);
    return result;
}

/*
 * http_redirect.c: who is told a login, and where a server says that the object is
 *
 * libcurl could follow by itself, but then looks up .netrc for each host that it is sent to: that
 * has no ports, so whoever listens at another one of the same host would get the login of the
 * first; and its "default" is for everybody. Here only the URL's own scheme, host and port get any.
 */
#include "http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { REDIRECTS_MOST = 10 };

/* --- the login ------------------------------------------------------------------------- */

CURLcode http_set_login(struct http_transfer *transfer, bool is_own)
{
    const struct http_store *store = transfer->store;
    const char *token = is_own && store->token[0] != '\0' ? store->token : NULL;
    const char *login = is_own && token == NULL && store->login[0] != '\0' ? store->login : NULL;
    bool looks_up = is_own && token == NULL && login == NULL && store->sign == NULL;
    CURL *curl = transfer->curl;
    CURLcode code = CURLE_OK;

    HTTP_SET(CURLOPT_XOAUTH2_BEARER, token);
    HTTP_SET(CURLOPT_HTTPAUTH, (long)(token != NULL ? CURLAUTH_BEARER : CURLAUTH_BASIC));
    HTTP_SET(CURLOPT_USERPWD, login);
    HTTP_SET(CURLOPT_NETRC, (long)(looks_up ? CURL_NETRC_OPTIONAL : CURL_NETRC_IGNORED));
    return code;
}

/* --- the next place --------------------------------------------------------------------- */

static bool has_same(CURLU *one, CURLU *other, CURLUPart part)
{
    char *mine = NULL, *its = NULL;
    bool is_same = curl_url_get(one, part, &mine, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                   curl_url_get(other, part, &its, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                   strcasecmp(mine, its) == 0;

    curl_free(mine);
    curl_free(its);
    return is_same;
}

static bool is_same_origin(const char *one, const char *other)
{
    CURLU *mine = curl_url(), *its = curl_url();
    bool is_same = mine != NULL && its != NULL &&
                   curl_url_set(mine, CURLUPART_URL, one, 0) == CURLUE_OK &&
                   curl_url_set(its, CURLUPART_URL, other, 0) == CURLUE_OK &&
                   has_same(mine, its, CURLUPART_SCHEME) && has_same(mine, its, CURLUPART_HOST) &&
                   has_same(mine, its, CURLUPART_PORT);

    curl_url_cleanup(mine);
    curl_url_cleanup(its);
    return is_same;
}

static CURLcode go_to(struct http_transfer *transfer, const char *url)
{
    CURL *curl = transfer->curl;
    const char *scheme = NULL;
    CURLcode code = curl_easy_getinfo(curl, CURLINFO_SCHEME, &scheme);
    bool is_safe = scheme != NULL && strcasecmp(scheme, "https") == 0;

    HTTP_SET(HTTP_PROTOCOLS, is_safe ? HTTP_ONLY_SAFE : HTTP_ANY);
    HTTP_SET(CURLOPT_URL, url);
    if (code == CURLE_OK)
        code = http_set_login(transfer, is_same_origin(transfer->store->folder, url));
    return code;
}

int http_follow(struct http_transfer *transfer, struct ps_error *err)
{
    char *url = NULL;

    /* a signature is for one host, and what comes with it for nobody else */
    if (transfer->store->sign != NULL || transfer->reply.status / 100 != 3 ||
        curl_easy_getinfo(transfer->curl, CURLINFO_REDIRECT_URL, &url) != CURLE_OK || url == NULL)
        return 0;
    if (++transfer->redirects > REDIRECTS_MOST)
        return ps_error_set(err, PS_E_SYSTEM, ELOOP, "more than %d redirects", REDIRECTS_MOST);
    url = strdup(url); /* it is the transfer's, which is about to have another one */
    if (url == NULL || go_to(transfer, url) != CURLE_OK) {
        free(url);
        return ps_error_set(err, PS_E_NOMEM, ENOMEM, "no memory for a request");
    }
    free(url);
    transfer->lookup = LOOKUP_NONE;
    return 1;
}

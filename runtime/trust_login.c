/*
 * trust_login.c: the password of a place; see trust.h
 *
 * A proxy never has one: it is copied and mailed. The configuration has, in the
 * URL of a store.
 */
#include <stdio.h>
#include <string.h>

#include "trust.h"
#include "url.h"

/* Of "scheme://user:password@host/path": where "user" begins, and the host; NULL: no password. */
static const char *find_login(const char *url, const char **host)
{
    const char *user = strstr(url, "://"), *at;
    size_t size;

    if (user == NULL)
        return NULL;
    user += 3;
    size = strcspn(user, "/?");
    at = memrchr(user, '@', size);
    if (at == NULL || memchr(user, ':', (size_t)(at - user)) == NULL)
        return NULL;
    *host = at + 1;
    return user;
}

/* The same of the first store that the place lies in. */
static const char *find_store(const struct ps_config *config, const struct ps_place *place,
                              const char **host)
{
    for (size_t i = 0; config != NULL && i < config->store_count; i++) {
        const char *url = config->stores[i].url, *user = find_login(url, host);

        if (user != NULL && ps_place_covered(place, url))
            return user;
    }
    return NULL;
}

int ps_trust_login(char *out, size_t size, const struct ps_config *config, const char *url,
                   struct ps_error *err)
{
    const struct ps_place place = {.url = ps_url_inner(url)};
    const char *host, *rest, *user = NULL;
    int length, before = 0;

    if (find_login(place.url, &host) == NULL)
        user = find_store(config, &place, &host);
    rest = url;
    if (user != NULL) { /* what was covered has a "://", and perhaps the same user */
        const char *own = strstr(place.url, "://") + 3;
        const char *at = memrchr(own, '@', strcspn(own, "/?"));

        before = (int)(own - url);
        rest = at != NULL ? at + 1 : own;
    }
    length = snprintf(out, size, "%.*s%.*s%s", before, url, user ? (int)(host - user) : 0,
                      user ? user : "", rest);
    return length >= 0 && (size_t)length < size
               ? 0
               : ps_error_set(err, PS_E_INVALID, 0, "too long with its user and password");
}

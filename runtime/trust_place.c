/* trust_place.c: does a place lie under a prefix? See trust.h */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/guard.h"
#include "file_url.h"
#include "trust.h"
#include "url.h"

char *ps_place_canonical(const char *path, int *error)
{
    int saved = errno;
    char *result;

    ps_guard_enter();
    result = realpath(path, NULL);
    ps_guard_leave();
    *error = errno;
    errno = saved;
    return result;
}

int ps_place_code(int error)
{
    if (error == ENOENT || error == ENOTDIR)
        return PS_E_NOT_FOUND;
    return error == ENOMEM ? PS_E_NOMEM : PS_E_SYSTEM;
}

/* Is below the same as wide, or under it? Only at a slash: /a/b is not above /a/bc. */
static bool is_under(const char *below, size_t below_size, const char *wide, size_t size)
{
    while (size > 0 && wide[size - 1] == '/')
        size--;
    return below_size >= size && memcmp(below, wide, size) == 0 &&
           (below_size == size || below[size] == '/');
}

static bool is_file_covered(const struct ps_place *place, const char *prefix)
{
    char path[PS_URI_MAX];

    return place->path != NULL && ps_file_url_path(path, sizeof(path), prefix, NULL) == 0 &&
           is_under(place->path, strlen(place->path), path, strlen(path));
}

/*
 * Are the hosts the same? A store's URL may hold a user and a password, which
 * the proxies of that store never do: they are left out one after the other.
 */
static bool is_same_host(const char *place, size_t size, const char *wide, size_t wide_size)
{
    const char *host = memrchr(wide, '@', wide_size);
    const char *password = host ? memchr(wide, ':', (size_t)(host - wide)) : NULL;
    size_t host_size = host ? wide_size - (size_t)(host + 1 - wide) : 0;

    if (size == wide_size && memcmp(place, wide, size) == 0)
        return true;
    if (host == NULL)
        return false;
    if (size == host_size && memcmp(place, host + 1, size) == 0)
        return true;
    return password != NULL && size == (size_t)(password - wide) + 1 + host_size &&
           memcmp(place, wide, (size_t)(password - wide)) == 0 &&
           memcmp(place + (password - wide), host, host_size + 1) == 0;
}

/* Bytes as they are spelled: two spellings of one place are refused, rather than misjudged. */
static bool is_url_covered(const char *place, const char *prefix)
{
    const char *wide = strstr(prefix, "://");
    size_t scheme, host, wide_host;

    if (wide == NULL)
        return false;
    scheme = (size_t)(wide - prefix) + 3;
    if (strncmp(place, prefix, scheme) != 0)
        return false;
    place += scheme;
    wide += 3;
    host = strcspn(place, "/?");
    wide_host = strcspn(wide, "/?");
    if (!is_same_host(place, host, wide, wide_host))
        return false;
    place += host;
    wide += wide_host;
    return is_under(place, strcspn(place, "?"), wide, strcspn(wide, "?"));
}

bool ps_place_covered(const struct ps_place *place, const char *prefix)
{
    prefix = ps_url_inner(prefix);
    if (ps_is_file_url(prefix))
        return is_file_covered(place, prefix);
    return place->path == NULL && is_url_covered(place->url, prefix);
}

/* The same with the symbolic links of the prefix followed. */
static bool is_covered_by_link(const struct ps_place *place, const char *prefix)
{
    char path[PS_URI_MAX];
    bool is_covered;
    char *wide;
    int error;

    prefix = ps_url_inner(prefix);
    if (place->path == NULL || !ps_is_file_url(prefix) ||
        ps_file_url_path(path, sizeof(path), prefix, NULL) < 0)
        return false;
    wide = ps_place_canonical(path, &error);
    is_covered = wide != NULL && is_under(place->path, strlen(place->path), wide, strlen(wide));
    free(wide);
    return is_covered;
}

bool ps_place_recorded(const struct ps_place *place, const struct ps_config *config)
{
    for (size_t i = 0; i < config->allow_recorded; i++)
        if (ps_place_covered(place, config->allow[i]))
            return true;
    for (size_t i = 0; i < config->store_count; i++)
        if (ps_place_covered(place, config->stores[i].url))
            return true;
    return false;
}

bool ps_place_configured(const struct ps_place *place, const struct ps_config *config,
                         bool follow_links)
{
    bool (*covers)(const struct ps_place *, const char *) =
        follow_links ? is_covered_by_link : ps_place_covered;

    for (size_t i = 0; i < config->allow_count; i++)
        if (covers(place, config->allow[i]))
            return true;
    for (size_t i = 0; i < config->store_count; i++)
        if (covers(place, config->stores[i].url))
            return true;
    /* that of PS_STORE, if it is a URL, which holds a ':'; what the file names is in stores */
    return config->default_store != NULL && strchr(config->default_store, ':') != NULL &&
           covers(place, config->default_store);
}

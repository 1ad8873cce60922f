/* proxy_object.c: which URIs a proxy may name; the rules of proxy.c hold here too */
#include "proxy_parse.h"

#include <string.h>

#include "url.h"

size_t ps_proxy_scheme_size(struct ps_span uri)
{
    size_t i;

    for (i = 0; i < uri.size; i++) {
        char c = uri.at[i];
        bool inner = i > 0 && ((c >= '0' && c <= '9') || c == '+' || c == '.' || c == '-');

        if (!inner && !(c >= 'a' && c <= 'z'))
            break;
    }
    return uri.size - i >= 3 && memcmp(uri.at + i, "://", 3) == 0 ? i : 0;
}

/* The part of text before the first byte that is one of stops. */
static struct ps_span until(struct ps_span text, const char *stops)
{
    size_t i = 0;

    while (i < text.size && strchr(stops, text.at[i]) == NULL)
        i++;
    return (struct ps_span){text.at, i};
}

static struct ps_span after(struct ps_span text, size_t size)
{
    return (struct ps_span){text.at + size, text.size - size};
}

/*
 * A name before '@' is fine, a password is not: a proxy is copied and mailed.
 * Backslashes and blanks are taken for other things by different readers of
 * URIs, so that the host that is checked might not be the one that is asked.
 */
static int check_authority(struct ps_proxy_reader *reader, struct ps_span authority)
{
    size_t user = authority.size;

    if (until(authority, "\\ \"<>").size != authority.size)
        return ps_proxy_fail(reader, PS_E_INVALID, "object: a character that no host name has");
    while (user > 0 && authority.at[user - 1] != '@')
        user--;
    for (size_t i = 0; i < user; i++)
        if (authority.at[i] == ':' || (i + 2 < user && memcmp(authority.at + i, "%3", 2) == 0 &&
                                       (authority.at[i + 2] | 0x20) == 'a'))
            return ps_proxy_fail(reader, PS_E_INVALID,
                                 "object: a password; it belongs into the configuration");
    return 0;
}

static bool has_parent_step(struct ps_span path)
{
    while (path.size > 0) {
        struct ps_span step = until(path, "/");

        if (step.size == 2 && memcmp(step.at, "..", 2) == 0)
            return true;
        path = after(path, step.size + (step.size < path.size));
    }
    return false;
}

/* Looks at the path decoded, as "%2e%2e" and "..%2F" lead out of a folder too. */
static int check_path(struct ps_proxy_reader *reader, struct ps_span path)
{
    struct ps_error cause = {0};
    char decoded[PS_URI_MAX];

    if (ps_url_decode(decoded, sizeof(decoded), path.at, path.size, &cause) < 0)
        return ps_proxy_fail(reader, PS_E_INVALID, "object: %s", cause.message);
    if (has_parent_step((struct ps_span){decoded, strlen(decoded)}))
        return ps_proxy_fail(reader, PS_E_INVALID, "object: \"..\" in the path \"%.*s\"",
                             PS_QUOTE(path));
    return 0;
}

int ps_proxy_check_object(struct ps_proxy_reader *reader, struct ps_span object)
{
    size_t scheme = ps_proxy_scheme_size(object);
    struct ps_span rest, authority;
    int status;

    if (scheme == 0)
        return ps_proxy_fail(reader, PS_E_INVALID, "object: \"%.*s\" is no \"scheme://...\" URI",
                             PS_QUOTE(object));
    if (until(object, "#").size != object.size)
        return ps_proxy_fail(reader, PS_E_INVALID, "object: '#' must be written %%23");
    rest = after(object, scheme + 3);
    authority = until(rest, "/?");
    status = check_authority(reader, authority);
    if (status == 0)
        status = check_path(reader, until(after(rest, authority.size), "?"));
    return status;
}

/* file_url.c: see file_url.h */
#include "file_url.h"

#include <limits.h>
#include <string.h>

#include "url.h"

static const char scheme[] = "file://";

int ps_file_url(char *out, size_t size, const char *path, struct ps_error *err)
{
    char step[NAME_MAX + 1];
    size_t used = sizeof(scheme) - 1;
    const char *at = path;

    if (path[0] != '/' || size <= used)
        return ps_error_set(err, PS_E_INVALID, 0, "no absolute path: '%.150s'", path);
    memcpy(out, scheme, used);
    /* step by step, as the slashes between them stay */
    while (*at == '/') {
        size_t length = strcspn(++at, "/");

        if (length > NAME_MAX || used + 1 >= size)
            return ps_error_set(err, PS_E_INVALID, 0, "path is too long: '%.150s'", path);
        memcpy(step, at, length);
        step[length] = '\0';
        out[used++] = '/';
        if (ps_url_encode(out + used, size - used, step, err) < 0)
            return PS_E_INVALID;
        used += strlen(out + used);
        at += length;
    }
    return 0;
}

bool ps_is_file_url(const char *url)
{
    return strncmp(url, scheme, sizeof(scheme) - 1) == 0;
}

int ps_file_url_path(char *out, size_t size, const char *url, struct ps_error *err)
{
    const char *authority = url + sizeof(scheme) - 1;
    size_t length = strcspn(authority, "/?");

    /* "localhost" may be written, RFC 8089 says */
    if (authority[length] != '/' ||
        (length != 0 && (length != 9 || memcmp(authority, "localhost", 9) != 0)))
        return ps_error_set(err, PS_E_INVALID, 0, "a file URL begins with file:///, not '%.100s'",
                            url);
    authority += length;
    return ps_url_decode(out, size, authority, strcspn(authority, "?"), err);
}

int ps_file_url_replace(char *out, size_t size, const char *given, const char *path,
                        struct ps_error *err)
{
    size_t wrappers = (size_t)(ps_url_inner(given) - given);
    const char *options = given + strcspn(given, "?");
    int status;

    if (wrappers >= size)
        return ps_error_set(err, PS_E_INVALID, 0, "URI is too long: '%.100s...'", given);
    memcpy(out, given, wrappers);
    status = ps_file_url(out + wrappers, size - wrappers, path, err);
    if (status == 0 && strlen(out) + strlen(options) >= size)
        status = ps_error_set(err, PS_E_INVALID, 0, "URI is too long: '%.100s...'", given);
    if (status == 0)
        strcat(out, options);
    return status;
}

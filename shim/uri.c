/* uri.c: see uri.h */
#include "uri.h"

#include <errno.h>
#include <fcntl.h>

#include "base/guard.h"
#include "base/sys.h"

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool may_be_in_scheme(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

/* The scheme that ends at colon, as a whole name in the path; NULL: none. "c:/" is a disk. */
static const char *scheme_of(const char *path, const char *colon)
{
    const char *at = colon;

    while (at > path && may_be_in_scheme(at[-1]))
        at--;
    return colon - at >= 2 && is_letter(*at) && (at == path || at[-1] == '/') ? at : NULL;
}

/* Does what stands before the scheme lead to this process's folder, or is it nothing? */
static bool is_here(int dir, const char *path, size_t length)
{
    char before[PATH_MAX];
    struct stat st, here;

    if (length >= sizeof(before))
        return false;
    memcpy(before, path, length);
    before[length] = '\0';
    return sys_fstatat(dir, before, &st, length == 0 ? AT_EMPTY_PATH : 0) == 0 &&
           sys_fstatat(AT_FDCWD, ".", &here, 0) == 0 && st.st_ino == here.st_ino &&
           st.st_dev == here.st_dev;
}

static bool is_file_scheme(const char *colon, size_t length)
{
    return length >= 4 && memcmp(colon - 4, "file", 4) == 0 && (length == 4 || colon[-5] == '+');
}

/* Who makes one slash of several leaves "redis:/host/0/key", and of file:///x "file:/x". */
static int write_uri(char *out, const char *scheme, const char *colon)
{
    size_t length = (size_t)(colon - scheme), slashes = strspn(colon + 1, "/");
    const char *middle = slashes > 1 ? ":" : is_file_scheme(colon, length) ? "://" : ":/";

    if (length + strlen(middle) + strlen(colon + 1) >= PATH_MAX)
        return -ENOENT;
    memcpy(out, scheme, length);
    strcpy(out + length, middle);
    strcat(out, colon + 1);
    return 0;
}

/* A name that can be nothing else, and that programs don't know themselves */
static bool is_plain(const char *path, const char *scheme, const char *colon)
{
    return scheme == path && colon[2] == '/' && !is_file_scheme(colon, (size_t)(colon - scheme));
}

int ps_uri_path(char *out, int dir, const char *path, enum ps_uri_use use, const char *call)
{
    const char *colon = path, *scheme;

    if (ps_guard_held())
        return -ENOENT;
    while ((colon = strstr(colon, ":/")) != NULL) {
        scheme = scheme_of(path, colon);
        if (scheme != NULL && is_here(dir, path, (size_t)(scheme - path))) {
            int result = write_uri(out, scheme, colon);

            if (use == PS_URI_READ && !is_plain(path, scheme, colon))
                use = PS_URI_GUESS;
            return result < 0 ? result : ps_preload_uri(out, use, call);
        }
        colon++;
    }
    return -ENOENT;
}

/* trust.c: see trust.h */
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "file_url.h"
#include "proxy_parse.h"
#include "url.h"

/* *path = canonical folder + "/" + last component, allocated */
static int join(char **path, const char *folder, const char *last, struct ps_error *err)
{
    const char *slash = strcmp(folder, "/") == 0 ? "" : "/";

    if (asprintf(path, "%s%s%s", folder, slash, last) >= 0)
        return 0;
    *path = NULL;
    return ps_error_set(err, PS_E_NOMEM, 0, "no memory for a path");
}

/* Cuts path at its last slash, resolves the folder, and puts both together again. */
static int resolve_folder(char **out, char *path, struct ps_error *err)
{
    char *slash = strrchr(path, '/'); /* there is one: the path is absolute */
    char *folder;
    int error, status;

    if (slash[1] == '\0' || strcmp(slash + 1, ".") == 0 || strcmp(slash + 1, "..") == 0)
        return ps_error_set(err, PS_E_INVALID, 0, "'%.150s' names a folder, not an object", path);
    *slash = '\0';
    folder = ps_place_canonical(slash == path ? "/" : path, &error);
    if (folder == NULL)
        return ps_error_set(err, ps_place_code(error), error, "folder '%.150s' of an object", path);
    status = join(out, folder, slash + 1, err);
    free(folder);
    return status;
}

/* A file: fills place->path, and writes wrappers, canonical URL and options to object. */
static int canonical_file(struct ps_place *place, const char *given, char *object, size_t size,
                          struct ps_error *err)
{
    char path[PS_URI_MAX];
    int status = ps_file_url_path(path, sizeof(path), place->url, err);

    if (status == 0)
        status = resolve_folder(&place->path, path, err);
    return status != 0 ? status : ps_file_url_replace(object, size, given, place->path, err);
}

/*
 * Does who wrote a proxy file in this folder have a say about what is below it?
 *
 * Not in "/": a proxy file there, as in a container whose work is done in "/",
 * would reach every file of the machine. And not in /tmp and its like, where
 * anybody writes proxy files, and others keep what is theirs in folders.
 */
static bool is_somebodys(const char *folder)
{
    struct stat st;

    return strcmp(folder, "/") != 0 && sys_fstatat(AT_FDCWD, folder, &st, 0) == 0 &&
           !(st.st_mode & S_IWOTH);
}

static int is_beside(const struct ps_place *place, const char *proxy_folder, struct ps_error *err)
{
    char url[PS_URI_MAX];
    char *folder;
    int error, result;

    if (place->path == NULL)
        return 0;
    folder = ps_place_canonical(proxy_folder[0] ? proxy_folder : ".", &error);
    if (folder == NULL)
        return error == ENOMEM ? ps_error_set(err, PS_E_NOMEM, error, "folder of a proxy") : 0;
    result = is_somebodys(folder) && ps_file_url(url, sizeof(url), folder, NULL) == 0 &&
             ps_place_covered(place, url);
    free(folder);
    return result;
}

/*
 * Says what to set to have this object and no more: a hostile proxy of
 * /etc/shadow must not talk its reader into opening all of /etc. Half a URL
 * would mislead, so a long one is not given as a value.
 */
static int refuse(const char *object, struct ps_error *err)
{
    const char *inner = ps_url_inner(object);
    int size = (int)strcspn(inner, "?");

    if (size > 140)
        return ps_error_set(err, PS_E_REFUSED, 0,
                            "%.110s... is not allowed here: set PS_ALLOW to its URL, or its "
                            "folder's, or run psctl proxy with its URL",
                            object);
    return ps_error_set(err, PS_E_REFUSED, 0,
                        "its object is not allowed here: set PS_ALLOW=%.*s or run psctl proxy "
                        "with that URL",
                        size, inner);
}

/* Each object that psctl proxy made a proxy of has a line: what is cheap comes first. */
static int check_place(const struct ps_config *config, const struct ps_place *place,
                       const char *proxy_folder, const char *object, struct ps_error *err)
{
    int result;

    if (proxy_folder == NULL || ps_place_configured(place, config, false))
        return 0;
    result = is_beside(place, proxy_folder, err);
    if (result != 0)
        return result < 0 ? result : 0;
    return ps_place_configured(place, config, true) ? 0 : refuse(object, err);
}

int ps_trust_check(const struct ps_config *config, const struct ps_proxy *proxy,
                   const char *proxy_folder, char *object, size_t size, struct ps_error *err)
{
    /* again, as not every struct ps_proxy was parsed */
    struct ps_proxy_reader reader = {.err = err};
    const char *given = proxy->object;
    struct ps_place place = {.url = ps_url_inner(given)};
    int status = ps_proxy_check_object(
        &reader, (struct ps_span){given, strnlen(given, sizeof(proxy->object))});

    if (size > 0)
        object[0] = '\0';
    if (status != 0)
        return status;
    if (ps_is_file_url(place.url))
        status = canonical_file(&place, given, object, size, err);
    else if (strlen(given) >= size)
        status = ps_error_set(err, PS_E_INVALID, 0, "URI is too long: '%.100s...'", given);
    else
        strcpy(object, given);
    if (status == 0)
        status = check_place(config, &place, proxy_folder, object, err);
    free(place.path);
    if (status != 0 && size > 0)
        object[0] = '\0';
    return status;
}

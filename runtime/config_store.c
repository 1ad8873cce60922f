/*
 * config_store.c: the URLs of stores
 *
 * Which folder is a store is the user's own word, so symbolic links on the way
 * to it are followed: here, once, and nowhere later. The backend follows none,
 * as it opens what proxies name, too.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_load.h"
#include "file_url.h"
#include "trust.h"
#include "url.h"

/* *out = folder + "/" + rest, allocated; rest may be empty */
static int join(char **out, const char *folder, const char *rest, struct ps_error *err)
{
    const char *slash = strcmp(folder, "/") == 0 || rest[0] == '\0' ? "" : "/";

    if (asprintf(out, "%s%s%s", folder, slash, rest) >= 0)
        return 0;
    *out = NULL;
    return ps_error_set(err, PS_E_NOMEM, 0, "no memory for the configuration");
}

/*
 * *out = an absolute path without symbolic links, allocated. What is not there
 * yet, and will be made by the first put, stays as it is spelled; a path that
 * can't be resolved at all (*out NULL) is left to the backend, which says why.
 */
static int follow_links(char **out, const char *path, struct ps_error *err)
{
    char *head = strdup(path);
    char *canonical = NULL, *slash;
    int error = 0, status = 0;

    *out = NULL;
    if (head == NULL)
        return ps_error_set(err, PS_E_NOMEM, 0, "no memory for the configuration");
    while ((canonical = ps_place_canonical(head[0] ? head : "/", &error)) == NULL &&
           error == ENOENT && (slash = strrchr(head, '/')) != NULL)
        *slash = '\0';
    if (canonical != NULL) {
        const char *rest = path + strlen(head);

        status = join(out, canonical, rest + strspn(rest, "/"), err);
    }
    free(canonical);
    free(head);
    return status;
}

/* Puts a store's folder, free of symbolic links, in its place in url. */
static int resolve_folder(char *url, size_t size, struct ps_error *err)
{
    const char *inner = ps_url_inner(url);
    char given[PS_URI_MAX], path[PS_URI_MAX];
    char *folder;
    int status;

    /* what is wrong with it, if something is, its backend will say */
    if (!ps_is_file_url(inner) || ps_file_url_path(path, sizeof(path), inner, NULL) < 0)
        return 0;
    status = follow_links(&folder, path, err);
    if (status == 0 && folder != NULL && strcmp(folder, path) != 0) {
        strcpy(given, url);
        status = ps_file_url_replace(url, size, given, folder, err);
    }
    free(folder);
    return status;
}

int ps_config_url(char **out, const char *value, struct ps_error *err)
{
    char url[PS_URI_MAX];
    char *given;
    int status = ps_config_prefix(&given, value, err);

    if (status != 0)
        return status;
    strcpy(url, given); /* ps_config_prefix gives none that is longer */
    free(given);
    status = resolve_folder(url, sizeof(url), err);
    if (status != 0)
        return status;
    *out = strdup(url);
    return *out ? 0 : ps_error_set(err, PS_E_NOMEM, 0, "no memory for the configuration");
}

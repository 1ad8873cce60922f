/*
 * doctor_store.c: where the configuration and the default store are, and
 * whether a put could make a file there
 *
 * To open a store asks nothing of it, and a doctor makes no folder that nobody
 * ordered. So where the store is a folder, by the rules of libps(7), the
 * nearest one that is there is asked whether it may be written.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "psctl.h"

int config_path(char *path, size_t size)
{
    const char *named = getenv("PS_CONFIG");
    const char *folder = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");

    if (named != NULL && named[0] != '\0')
        return snprintf(path, size, "%s", named) < (int)size;
    if (folder != NULL && folder[0] == '/')
        return snprintf(path, size, "%s/libps/config", folder) < (int)size;
    return home != NULL && home[0] == '/' &&
           snprintf(path, size, "%s/.config/libps/config", home) < (int)size;
}

/* configured: the value of the line "key = value", of PS_URI_MAX bytes; 0 when there is none */
static int configured(const char *key, char *value)
{
    char path[PATH_MAX], line[PS_URI_MAX + 80], name[80];
    FILE *file = config_path(path, sizeof(path)) ? fopen(path, "re") : NULL;
    int found = 0;

    if (file == NULL)
        return 0;
    while (!found && fgets(line, sizeof(line), file) != NULL)
        found = sscanf(line, " %79[^ \t=] = %2047[^ \t\r\n]", name, value) == 2 &&
                strcmp(name, key) == 0;
    fclose(file);
    return found;
}

/* default_store: what names it, a URL or an absolute path; "" when that is not to be found */
static void default_store(char *url)
{
    const char *named = getenv("PS_STORE");
    const char *folder = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    char key[80];

    url[0] = '\0';
    if (named != NULL && named[0] != '\0')
        snprintf(url, PS_URI_MAX, "%s", named);
    else if (configured("default", url))
        ;
    else if (folder != NULL && folder[0] == '/')
        snprintf(url, PS_URI_MAX, "%s/libps/objects", folder);
    else
        snprintf(url, PS_URI_MAX, "%s/.local/share/libps/objects", home != NULL ? home : "");
    if (url[0] == '\0' || strchr(url, '/') != NULL)
        return;
    snprintf(key, sizeof(key), "store.%.70s", url);
    if (!configured(key, url))
        url[0] = '\0';
}

/* default_folder: the folder that the default store is; 0 when it is none */
static int default_folder(char *path)
{
    char url[PS_URI_MAX];
    const char *scheme;

    default_store(url);
    if (url[0] == '/') {
        strcpy(path, url);
        return 1;
    }
    scheme = strstr(url, "file:///");
    if (scheme == NULL || (scheme != url && scheme[-1] != '+'))
        return 0;
    scheme += strlen("file://");
    return percent_decode(path, scheme, scheme + strcspn(scheme, "?"), NULL) == 0;
}

int default_store_writable(char *path)
{
    struct stat status;
    char *slash;

    if (!default_folder(path))
        return 1;
    while (raw_stat(path, &status) < 0 && (slash = strrchr(path, '/')) != NULL && slash != path)
        *slash = '\0';
    if (raw_stat(path, &status) == 0 && !S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        return 0;
    }
    return access(path, W_OK | X_OK) == 0;
}

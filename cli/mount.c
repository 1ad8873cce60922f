/* mount.c: a folder with a proxy file for each object of a store; see mount.h */
#include "mount.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "psctl.h"

/* --- what is wanted ----------------------------------------------------------------- */

/* has_parent: is there a ".." in it? Where that leads depends on what is mounted meanwhile. */
static int has_parent(const char *path, const char *end)
{
    const char *at = path;

    while ((at = memmem(at, (size_t)(end - at), "/..", 3)) != NULL) {
        at += 3;
        if (at == end || *at == '/')
            return 1;
    }
    return 0;
}

static int is_wrong(const char *wanted)
{
    const char *store = strchr(wanted, '=');

    return wanted[0] != '/' || store == NULL || store[1] == '\0' ||
           strspn(wanted, "/") == (size_t)(store - wanted) || has_parent(wanted, store);
}

static int refuse(const char *wanted, const char *why)
{
    fail("\"%s\" can't be mounted: %s", wanted, why);
    return STATUS_USAGE;
}

/* A password would be in the environment and in command lines, and no proxy has one. */
static int has_password(const char *store)
{
    const char *user = strstr(store, "://"), *host;

    if (user == NULL)
        return 0;
    host = memrchr(user + 3, '@', strcspn(user + 3, "/?"));
    return host != NULL && memchr(user + 3, ':', (size_t)(host - user - 3)) != NULL;
}

int mounts_add(struct mounts *mounts, char *wanted)
{
    if (is_wrong(wanted))
        return refuse(wanted, "it is no \"/folder=STORE\"");
    if (has_password(strchr(wanted, '=') + 1))
        return refuse("the store", "its URL has a password, which belongs into the configuration");
    if (mounts->count == MOUNTS_MAX)
        return refuse(wanted, "too many");
    mounts->wanted[mounts->count++] = wanted;
    return STATUS_OK;
}

int mounts_add_variable(struct mounts *mounts)
{
    const char *value = getenv("PS_MOUNT");
    char *copy = value != NULL ? strdup(value) : NULL, *rest, *wanted; /* kept: they are parts */

    if (copy == NULL)
        return value == NULL ? STATUS_OK : fail("no memory");
    for (wanted = strtok_r(copy, " ", &rest); wanted != NULL; wanted = strtok_r(NULL, " ", &rest))
        if (mounts_add(mounts, wanted) != STATUS_OK)
            return STATUS_CANNOT_RUN;
    return STATUS_OK;
}

/* --- how it is made ------------------------------------------------------------------- */

struct filling {
    const char *folder;
    struct ps_error error;
};

/* On a thread of libps, as ps_store_list says; ps_proxy_write makes system calls only. */
static int add_object(void *context, const char *key, const struct ps_proxy *proxy)
{
    struct filling *filling = context;
    char path[PATH_MAX];

    if ((size_t)snprintf(path, sizeof(path), "%s/%s", filling->folder, key) >= sizeof(path))
        return ps_error_set(&filling->error, PS_E_INVALID, 0, "a path is too long");
    return ps_proxy_write(proxy, path, &filling->error);
}

/* One mount: the store that is to be found in a folder */
struct mounted {
    const char *folder, *store;
};

static int fill(const void *argument)
{
    const struct mounted *mounted = argument;
    const char *name = mounted->store;
    struct filling filling = {.folder = mounted->folder};
    struct ps_store *store;
    struct ps_error err = {0};
    int result = ps_store_open(&store, name, &err);

    umask(0222); /* nothing there is to be written */
    if (result == 0) {
        result = ps_store_list(store, add_object, &filling, &err);
        ps_store_close(store);
    }
    if (result == 0)
        return STATUS_OK;
    fail("can't mount %s: %s", name, filling.error.code != 0 ? filling.error.message : err.message);
    return STATUS_CANNOT_RUN;
}

/* allow: the user named the store, so its proxies are allowed, below this psctl */
static int allow(const char *store)
{
    const char *others = getenv("PS_ALLOW");
    char *value, url[PS_URI_MAX];
    int result;

    if (store[0] == '/' && file_url(store, url, sizeof(url), NULL) == 0)
        store = url; /* of which PS_ALLOW can have blanks */
    /* what it is called by a name, the configuration has; a folder that is not there has nothing */
    if (!is_url(store))
        return STATUS_OK;
    if (asprintf(&value, "%s %.*s", others != NULL ? others : "", (int)strcspn(store, "?"), store) <
        0)
        return fail("no memory");
    result = setenv("PS_ALLOW", value, 1);
    free(value);
    return result == 0 ? STATUS_OK : fail("no memory");
}

static int cannot(const char *folder, int error)
{
    fail("can't mount on %s: %s", folder, strerror(-error));
    return STATUS_CANNOT_RUN;
}

static int mount_on(const char *folder, const char *store)
{
    struct mounted mounted = {folder, store};
    int result = space_mount(folder), status;

    if (result < 0)
        return cannot(folder, result);
    status = run_apart(fill, &mounted);
    if (status != STATUS_OK)
        return STATUS_CANNOT_RUN;
    result = space_close(folder);
    return result < 0 ? cannot(folder, result) : STATUS_OK;
}

static int make_folders(char *folders[], int count)
{
    int result = space_enter();

    if (result < 0) {
        fail("can't mount on %s: this system lets its users have no mounts of their own: %s",
             folders[0], strerror(-result));
        return STATUS_CANNOT_RUN;
    }
    for (int i = 0; i < count; i++) {
        result = space_folder(folders[i]);
        if (result < 0)
            return cannot(folders[i], result);
    }
    result = space_settle();
    return result < 0 ? cannot(folders[0], result) : STATUS_OK;
}

int run_mounts(const struct mounts *mounts)
{
    char *folders[MOUNTS_MAX], *stores[MOUNTS_MAX];
    int count = mounts->count, status = STATUS_OK;

    /* what is started is in the namespace: it would begin once more below psctl, for ever */
    unsetenv("PS_MOUNT");
    if (count == 0)
        return STATUS_OK;
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        stores[i] = strchr(mounts->wanted[i], '=') + 1;
        folders[i] = strndup(mounts->wanted[i], (size_t)(stores[i] - mounts->wanted[i]) - 1);
        /* before anything of libps reads it */
        status = folders[i] != NULL ? allow(stores[i]) : fail("no memory");
    }
    if (status == STATUS_OK)
        status = make_folders(folders, count);
    for (int i = 0; i < count && status == STATUS_OK; i++)
        status = mount_on(folders[i], stores[i]);
    space_leave();
    return status;
}

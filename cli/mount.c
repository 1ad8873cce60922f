/* mount.c: a folder with a proxy file for each object of a store; see mount.h */
#include "mount.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

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
    if (has_password(strchr(wanted, '=') + 1)) {
        fail("a URL with a password can't be mounted: passwords belong into the configuration");
        return STATUS_USAGE;
    }
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

/* One folder: its name, its store, the list of that, and what is mounted there */
struct place {
    char *folder;
    const char *store;
    int list, fd;
    dev_t device;
};

static struct place places[MOUNTS_MAX];
static int place_count;

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

static int make_folders(void)
{
    int result = space_enter();

    if (result < 0) {
        fail("can't mount on %s: this system lets its users have no mounts of their own: %s",
             places[0].folder, strerror(-result));
        return STATUS_CANNOT_RUN;
    }
    for (int i = 0; i < place_count; i++) {
        result = space_folder(places[i].folder);
        if (result < 0)
            return cannot(places[i].folder, result);
    }
    result = space_settle();
    return result < 0 ? cannot(places[0].folder, result) : STATUS_OK;
}

static int mount_on(struct place *place)
{
    struct stat st;

    place->fd = space_open(place->folder);
    if (place->fd < 0)
        return cannot(place->folder, place->fd);
    if (fstat(place->fd, &st) != 0)
        return cannot(place->folder, -errno);
    place->device = st.st_dev;
    return STATUS_OK;
}

/* is_hidden: is path, of before, now in a folder that was mounted since, or nowhere? */
static int is_hidden(const char *path)
{
    struct stat st;

    if (raw_stat(path, &st) < 0)
        return 1;
    for (int i = 0; i < place_count; i++)
        if (st.st_dev == places[i].device)
            return 1;
    return 0;
}

static int fill(const struct place *place)
{
    struct stat st;
    int result = raw_stat(place->folder, &st);

    if (result < 0 || st.st_dev != place->device) {
        fail("can't mount on %s: another store is mounted over it", place->folder);
        return STATUS_CANNOT_RUN;
    }
    result = fill_folder(place->list, place->fd, is_hidden);
    if (result == -EBUSY) {
        fail("can't mount %s: its own files are below a folder that is mounted on", place->store);
        return STATUS_CANNOT_RUN;
    }
    if (result == 0)
        result = space_close(place->folder);
    return result < 0 ? cannot(place->folder, result) : STATUS_OK;
}

static int mount_all(void)
{
    int status = make_folders(), result;

    for (int i = 0; i < place_count && status == STATUS_OK; i++)
        status = mount_on(&places[i]);
    /* only now is it known what they hide */
    for (int i = 0; i < place_count && status == STATUS_OK; i++)
        status = fill(&places[i]);
    result = status == STATUS_OK ? space_return() : 0;
    if (result < 0) {
        fail("can't go back to the working folder: %s", strerror(-result));
        status = STATUS_CANNOT_RUN;
    }
    if (status != STATUS_OK)
        made_remove();
    space_leave();
    return status;
}

static void close_all(void)
{
    for (int i = 0; i < place_count; i++) {
        raw_call(SYS_close, places[i].list, 0, 0, 0, 0, 0);
        raw_call(SYS_close, places[i].fd, 0, 0, 0, 0, 0);
    }
}

int run_mounts(const struct mounts *mounts)
{
    int status = STATUS_OK;

    /* what is started is in the namespace: it would begin once more below psctl, for ever */
    unsetenv("PS_MOUNT");
    if (mounts->count == 0)
        return STATUS_OK;
    for (; place_count < mounts->count && status == STATUS_OK; place_count++) {
        struct place *place = &places[place_count];

        place->store = strchr(mounts->wanted[place_count], '=') + 1;
        place->folder = strndup(mounts->wanted[place_count],
                                (size_t)(place->store - mounts->wanted[place_count]) - 1);
        place->list = place->fd = -1;
        /* before anything of libps reads it */
        status = place->folder != NULL ? allow(place->store) : fail("no memory");
    }
    for (int i = 0; i < place_count && status == STATUS_OK; i++)
        status = list_store(places[i].store, &places[i].list);
    if (status == STATUS_OK)
        status = mount_all();
    close_all();
    return status;
}

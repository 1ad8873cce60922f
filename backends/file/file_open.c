/* file_open.c: opening objects, and keeping them open between reads; see file_store.h */
#include "file_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(SYS_openat2) && __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#define HAVE_OPENAT2 1
#endif

/* of a millisecond, for a descriptor: one that another read holds, or one of the program's */
enum { WAITS = 5000, WAITS_ALONE = 5 };

int ps_file_open_at(int dir, const char *path, int flags)
{
#ifdef HAVE_OPENAT2
    struct open_how how = {.flags = (uint64_t)(unsigned)flags, .resolve = RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));

    /* containers that do not know the call answer EPERM, older kernels ENOSYS */
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
        return fd;
#endif
    return openat(dir, path, flags | O_NOFOLLOW);
}

int ps_file_open(struct file_store *file, const char *key, int flags, struct stat *st,
                 struct ps_error *err)
{
    char path[PATH_MAX + NAME_MAX + 2];
    int result = ps_file_check_key(key, err);
    int fd;

    if (result < 0)
        return result;
    snprintf(path, sizeof(path), "%s/%s", file->folder, key);
    fd = ps_file_open_at(AT_FDCWD, path, flags | O_CLOEXEC);
    if (fd < 0 || fstat(fd, st) < 0) {
        result = ps_file_failed(err, errno, "opening", file, key);
        if (fd >= 0)
            close(fd);
        return result;
    }
    if (S_ISREG(st->st_mode))
        return fd;
    close(fd);
    if (S_ISLNK(st->st_mode))
        return ps_file_failed(err, ELOOP, "opening", file, key);
    return ps_error_set(err, PS_E_UNSUPPORTED, 0, "not a regular file: %.90s/%.90s", file->folder,
                        key);
}

void ps_file_drop(struct file_opened *object)
{
    ps_backend_unhold(object->fd);
    free(object);
}

static void keep(struct file_store *file, struct file_opened *object)
{
    struct file_opened *empty = NULL;

    for (int i = 0; i < FILE_KEPT; i++, empty = NULL)
        if (atomic_compare_exchange_strong(&file->kept[i], &empty, object))
            return;
    /* all places are taken: the number spreads which one has to go */
    object = atomic_exchange(&file->kept[object->fd % FILE_KEPT], object);
    if (object != NULL)
        ps_file_drop(object);
}

static struct file_opened *take_kept(struct file_store *file, const char *key)
{
    for (int i = 0; i < FILE_KEPT; i++) {
        struct file_opened *object = atomic_exchange(&file->kept[i], NULL);

        if (object == NULL)
            continue;
        if (strcmp(object->key, key) == 0)
            return object;
        keep(file, object);
    }
    return NULL;
}

/* Is that still the file of this name? */
static bool is_current(const struct file_store *file, const struct file_opened *object,
                       struct stat *st)
{
    char path[PATH_MAX + NAME_MAX + 2];
    struct stat named;

    snprintf(path, sizeof(path), "%s/%s", file->folder, object->key);
    return fstatat(AT_FDCWD, path, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           fstat(object->fd, st) == 0 && st->st_dev == named.st_dev && st->st_ino == named.st_ino;
}

/* fd is taken over, also where it fails. */
static struct file_opened *opened_new(int fd, const char *key, struct ps_error *err)
{
    struct file_opened *object = calloc(1, sizeof(*object) + strlen(key) + 1);

    if (object == NULL) {
        close(fd);
        ps_error_set(err, PS_E_NOMEM, ENOMEM, "opening %.150s", key);
        return NULL;
    }
    strcpy(object->key, key);
    object->fd = ps_backend_hold(fd, err);
    if (object->fd >= 0)
        return object;
    free(object);
    return NULL;
}

struct file_opened *ps_file_spare(void)
{
    int fd = openat(AT_FDCWD, "/", O_PATH | O_CLOEXEC);

    return fd < 0 ? NULL : opened_new(fd, "", NULL);
}

/* The program has taken all descriptors: give up one of ours. False: there is none. */
static bool give_up_one(struct file_store *file)
{
    struct file_opened *object = atomic_exchange(&file->spare, NULL);

    for (int i = 0; i < FILE_KEPT && object == NULL; i++)
        object = atomic_exchange(&file->kept[i], NULL);
    if (object == NULL)
        return false;
    ps_file_drop(object);
    return true;
}

/* A kept one that is still the object, or NULL. */
static struct file_opened *take_current(struct file_store *file, const char *key, struct stat *st)
{
    struct file_opened *taken;

    while ((taken = take_kept(file, key)) != NULL && !is_current(file, taken, st))
        ps_file_drop(taken);
    return taken;
}

/*
 * Without a descriptor of its own this read can wait for that of another.
 * Counted before it gives one up: between that and its own open another read
 * may look, and must not believe that there is nobody to wait for.
 */
static bool wait_for_one(struct file_store *file, bool *counted, int *waits)
{
    const struct timespec wait = {.tv_nsec = 1000000};

    if (!*counted)
        atomic_fetch_add(&file->out, 1);
    *counted = give_up_one(file);
    if (*counted)
        return true;
    atomic_fetch_sub(&file->out, 1);
    if ((*waits)++ == (atomic_load(&file->out) > 0 ? WAITS : WAITS_ALONE))
        return false;
    nanosleep(&wait, NULL);
    return true;
}

int ps_file_take(struct file_opened **object, struct file_store *file, const char *key,
                 struct stat *st, struct ps_error *err)
{
    struct ps_error own = {0};
    bool counted = false;
    int fd, waits = 0;

    while ((*object = take_current(file, key, st)) == NULL) {
        ps_error_clear(&own);
        fd = ps_file_open(file, key, O_RDONLY | O_NONBLOCK | O_NOCTTY, st, &own);
        if (fd >= 0 && (*object = opened_new(fd, key, &own)) != NULL)
            break;
        if (own.sys_errno == EMFILE && wait_for_one(file, &counted, &waits))
            continue;
        if (counted)
            atomic_fetch_sub(&file->out, 1);
        if (err != NULL && err->code == 0)
            *err = own;
        return own.code;
    }
    if (!counted)
        atomic_fetch_add(&file->out, 1);
    return 0;
}

void ps_file_give(struct file_store *file, struct file_opened *object, bool good)
{
    if (good)
        keep(file, object);
    else
        ps_file_drop(object);
    atomic_fetch_sub(&file->out, 1);
}

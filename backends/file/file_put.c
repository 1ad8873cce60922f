/*
 * file_put.c: storing and removing objects
 *
 * An object is written without a name, and gets its own when it is whole, so
 * that a reader finds the old bytes or the new ones, and a put that is killed
 * leaves nothing. File systems that have no files without names (NFS, Lustre)
 * get it under a temporary one, which a killed put leaves behind. The empty
 * marker "<key>.ready", made after it, is what Python's ProxyStore
 * waits for.
 */
#include "file_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 1 << 20, TRIES = 8 };

/* Keeps errno: a folder that is there may be in a place where we may make none. */
static bool is_there(const char *path)
{
    int error = errno;
    bool result = access(path, F_OK) == 0;

    errno = error;
    return result;
}

/* mkdir -p, for this user alone. -1 and errno: path ends with the folder that can't be made. */
static int make_folders(char *path)
{
    for (char *at = path + 1;; at++) {
        bool is_last;

        at += strcspn(at, "/");
        is_last = *at == '\0';
        *at = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST && !is_there(path))
            return -1;
        if (is_last)
            return 0;
        *at = '/';
    }
}

static int open_folder(const struct file_store *file)
{
    return ps_file_open_at(AT_FDCWD, file->folder[0] ? file->folder : "/",
                           O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The folder of a store, made if need be; or a negative ps_code. */
static int make_folder(const struct file_store *file, const char *key, struct ps_error *err)
{
    int dir = open_folder(file);
    char path[PATH_MAX];

    if (dir < 0 && errno == ENOENT) {
        strcpy(path, file->folder); /* of the same size */
        if (make_folders(path) < 0)
            return ps_error_set(err, PS_E_SYSTEM, errno, "making the folder %.150s", path);
        dir = open_folder(file);
    }
    return dir >= 0 ? dir : ps_file_failed(err, errno, "opening the folder of", file, key);
}

struct new_file {
    int dir, fd;
    const char *key;
    char name[NAME_MAX + 1]; /* "" while it has none */
};

/* A name that nobody else takes; the key in it is cut to leave room for the rest. */
static int choose_name(struct new_file *new)
{
    uint64_t random;

    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return -1;
    snprintf(new->name, sizeof(new->name), ".%.200s.%016" PRIx64 ".tmp", new->key, random);
    return 0;
}

static int create(struct new_file *new)
{
    new->fd = openat(new->dir, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
    for (int i = 0; new->fd < 0 && i < TRIES; i++) {
        if (choose_name(new) < 0)
            return -1;
        new->fd =
            openat(new->dir, new->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (new->fd < 0 && errno != EEXIST)
            break;
    }
    return new->fd;
}

/* Link a file that has no name to its key or, where there is something to replace, to a name. */
static int give_name(struct new_file *new)
{
    char self[32];

    snprintf(self, sizeof(self), "/proc/self/fd/%d", new->fd);
    if (linkat(AT_FDCWD, self, new->dir, new->key, AT_SYMLINK_FOLLOW) == 0)
        return 0;
    if (errno != EEXIST || choose_name(new) < 0)
        return -1;
    return linkat(AT_FDCWD, self, new->dir, new->name, AT_SYMLINK_FOLLOW);
}

/* The file is whole: put it in its place in one step, by the link or by the rename. */
static int publish(struct new_file *new)
{
    int fd = new->fd;

    if (new->name[0] == '\0' && give_name(new) < 0)
        return -1;
    new->fd = -1;
    if (close(fd) < 0) /* a quota or a full server may be reported only now */
        return -1;
    return new->name[0] != '\0' ? renameat(new->dir, new->name, new->dir, new->key) : 0;
}

static void abandon(struct new_file *new)
{
    if (new->fd >= 0)
        close(new->fd);
    if (new->name[0] != '\0')
        unlinkat(new->dir, new->name, 0);
}

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? EIO : errno;
            return -1;
        }
        bytes += n;
        size -= (size_t)n;
    }
    return 0;
}

static int write_content(int fd, const struct ps_content *content, const struct file_store *file,
                         const char *key, struct ps_error *err)
{
    size_t room = content->size < CHUNK ? (size_t)content->size : CHUNK;
    char *buffer = malloc(room ? room : 1);
    int result = 0;

    if (buffer == NULL)
        return ps_file_failed(err, ENOMEM, "writing", file, key);
    for (uint64_t at = 0; result == 0 && at < content->size; at += room) {
        if (room > content->size - at)
            room = (size_t)(content->size - at);
        result = content->read(content, buffer, room, at, err);
        if (result == 0 && write_all(fd, buffer, room) < 0)
            result = ps_file_failed(err, errno, "writing", file, key);
    }
    free(buffer);
    return result;
}

/*
 * The kernel's own file times may be some milliseconds coarse. Two puts within
 * one tick, and an inode that is used again, would give one version to two
 * contents; the clock's own nanoseconds do not.
 */
static int stamp(int fd)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};

    if (clock_gettime(CLOCK_REALTIME, &times[1]) < 0)
        return -1;
    return futimens(fd, times);
}

static int make_marker(int dir, const char *key)
{
    char name[NAME_MAX + 1];
    int fd;

    snprintf(name, sizeof(name), "%s.ready", key);
    fd = openat(dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    return fd < 0 ? -1 : close(fd);
}

static int put_into(int dir, struct file_store *file, const char *key,
                    const struct ps_content *content, struct ps_object_info *info,
                    struct ps_error *err)
{
    struct new_file new = {dir, -1, key, ""};
    struct stat st;
    int result;

    if (create(&new) < 0)
        return ps_file_failed(err, errno, "creating", file, key);
    result = write_content(new.fd, content, file, key, err);
    if (result == 0 && (stamp(new.fd) < 0 || fstat(new.fd, &st) < 0 || publish(&new) < 0))
        result = ps_file_failed(err, errno, "storing", file, key);
    if (result < 0) {
        abandon(&new);
        return result;
    }
    ps_file_info(info, &st);
    /* the object is whole and in place; it stays, but who waits for the marker must hear of it */
    if (make_marker(dir, key) < 0)
        return ps_file_failed(err, errno, "creating the .ready marker of", file, key);
    return 0;
}

int ps_file_put(void *handle, const char *key, const struct ps_content *content,
                struct ps_object_info *info, struct ps_error *err)
{
    struct file_store *file = handle;
    int result = ps_file_check_key(key, err);
    int dir;

    if (result < 0)
        return result;
    dir = make_folder(file, key, err);
    if (dir < 0)
        return dir;
    result = put_into(dir, file, key, content, info, err);
    close(dir);
    return result;
}

/*
 * The marker goes first: who waits for it then sees an object that is not
 * there. The other way round there would be a moment, and after a crash for
 * ever, when the marker promises an object that is gone.
 */
int ps_file_evict(void *handle, const char *key, struct ps_error *err)
{
    struct file_store *file = handle;
    char marker[NAME_MAX + 1];
    int result = ps_file_check_key(key, err);
    int dir;

    if (result < 0)
        return result;
    dir = open_folder(file);
    if (dir < 0)
        return errno == ENOENT ? 0 : ps_file_failed(err, errno, "opening the folder of", file, key);
    snprintf(marker, sizeof(marker), "%s.ready", key);
    if ((unlinkat(dir, marker, 0) < 0 && errno != ENOENT) ||
        (unlinkat(dir, key, 0) < 0 && errno != ENOENT))
        result = ps_file_failed(err, errno, "removing", file, key);
    close(dir);
    return result;
}

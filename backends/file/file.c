/*
 * file.c: objects as the files of a folder
 *
 * file:///absolute/folder?direct=0. An object is the regular file
 * <folder>/<key>; no symbolic link is followed on the way to it, because the
 * trust rules judged the path by its name. Its version is made of mtime, inode
 * and size, and is checked before and after the bytes are read: a file that
 * was changed meanwhile is an error and not a mix.
 */
#include "file_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct ps_backend ps_backend_file;

static int code_of(int system)
{
    switch (system) {
    case ENOENT:
    case ENOTDIR:
        return PS_E_NOT_FOUND;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return PS_E_NOMEM;
    case ELOOP:
        return PS_E_REFUSED;
    case ENAMETOOLONG:
        return PS_E_INVALID;
    case ESTALE:
        return PS_E_STALE;
    case EAGAIN:
    case ETIMEDOUT:
    case EHOSTDOWN:
    case EHOSTUNREACH:
        return PS_E_UNAVAILABLE;
    default:
        return PS_E_SYSTEM;
    }
}

int ps_file_failed(struct ps_error *err, int system, const char *what,
                   const struct file_store *file, const char *key)
{
    if (system == ELOOP)
        return ps_error_set(err, PS_E_REFUSED, ELOOP, "%s %.80s/%.70s through a symbolic link",
                            what, file->folder, key);
    return ps_error_set(err, code_of(system), system, "%s %.90s/%.80s", what, file->folder, key);
}

int ps_file_check_key(const char *key, struct ps_error *err)
{
    static const char ready[] = ".ready";
    size_t length = strlen(key);

    if (length == 0 || strcmp(key, ".") == 0 || strcmp(key, "..") == 0 || strchr(key, '/'))
        return ps_error_set(err, PS_E_INVALID, 0,
                            "'%.150s' can't be a key: empty, a folder, or with a slash", key);
    if (length > NAME_MAX - strlen(ready))
        return ps_error_set(err, PS_E_INVALID, 0, "key '%.100s...' is too long for a file", key);
    if (length >= strlen(ready) && strcmp(key + length - strlen(ready), ready) == 0)
        return ps_error_set(err, PS_E_INVALID, 0, "'%.150s' can't be a key: markers end in .ready",
                            key);
    return 0;
}

void ps_file_info(struct ps_object_info *info, const struct stat *st)
{
    info->size = (uint64_t)st->st_size;
    snprintf(info->version, sizeof(info->version), "m%lld.%09ld-i%" PRIu64 "-s%" PRIu64,
             (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (uint64_t)st->st_ino, info->size);
}

static int check(const struct file_store *file, const char *key, const struct stat *st,
                 const struct ps_object_info *expected, struct ps_error *err)
{
    struct ps_object_info info;

    ps_file_info(&info, st);
    if (info.size != expected->size && expected->size != PS_SIZE_UNKNOWN)
        return ps_error_set(err, PS_E_STALE, 0,
                            "%.80s/%.60s has %" PRIu64 " bytes now, not %" PRIu64, file->folder,
                            key, info.size, expected->size);
    if (expected->version[0] && strcmp(info.version, expected->version) != 0)
        return ps_error_set(err, PS_E_STALE, 0, "%.60s/%.50s was changed: it is %.50s, not %.50s",
                            file->folder, key, info.version, expected->version);
    return 0;
}

/* The folder is an URL's path, percent-encoded. */
static int decode_folder(char *folder, size_t size, const char *path)
{
    size_t used = 0;

    for (; *path && *path != '?'; path++) {
        unsigned byte = (unsigned char)*path;

        if (byte == '%') {
            char digits[3] = {path[1], path[1] ? path[2] : '\0', '\0'};

            if (strspn(digits, "0123456789abcdefABCDEF") != 2)
                return -1;
            byte = (unsigned)strtoul(digits, NULL, 16);
            path += 2;
        }
        if (byte == 0 || used + 1 >= size)
            return -1;
        folder[used++] = (char)byte;
    }
    while (used > 0 && folder[used - 1] == '/')
        used--;
    folder[used] = '\0';
    return 0;
}

static int file_open(void **handle, const char *url, struct ps_error *err)
{
    char copy[PS_URI_MAX], value[8] = "1";
    struct file_store *file;
    int result;

    if (strncmp(url, "file:///", 8) != 0 || strlen(url) >= sizeof(copy))
        return ps_error_set(err, PS_E_INVALID, 0, "not a file:///absolute/folder URL: '%.150s'",
                            url);
    strcpy(copy, url);
    result = ps_url_option(copy, "direct", value, sizeof(value), err);
    if (result >= 0)
        result = ps_url_end_options(copy, err);
    if (result < 0)
        return result;
    if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
        return ps_error_set(err, PS_E_INVALID, 0, "option direct is 0 or 1, not '%s'", value);
    file = calloc(1, sizeof(*file));
    if (file == NULL)
        return ps_error_set(err, PS_E_NOMEM, errno, "opening '%.150s'", url);
    file->direct = value[0] == '1';
    if (decode_folder(file->folder, sizeof(file->folder), copy + strlen("file://")) < 0) {
        free(file);
        return ps_error_set(err, PS_E_INVALID, 0, "malformed folder in '%.150s'", url);
    }
    atomic_store(&file->spare, ps_file_spare());
    *handle = file;
    return 0;
}

static void file_close(void *handle)
{
    struct file_store *file = handle;
    struct file_opened *spare = atomic_exchange(&file->spare, NULL);

    if (spare != NULL)
        ps_file_drop(spare);

    for (int i = 0; i < FILE_KEPT; i++) {
        struct file_opened *object = atomic_exchange(&file->kept[i], NULL);

        if (object != NULL)
            ps_file_drop(object);
    }
    free(file);
}

static int file_stat(void *handle, const char *key, struct ps_object_info *info,
                     struct ps_error *err)
{
    struct stat st;
    int fd = ps_file_open(handle, key, O_PATH, &st, err); /* O_PATH: a device is not woken */

    if (fd < 0)
        return fd;
    close(fd);
    ps_file_info(info, &st);
    return 0;
}

static int read_all(int fd, char *to, size_t size, uint64_t offset)
{
    while (size > 0) {
        ssize_t n = pread(fd, to, size, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 1;
        to += n;
        size -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

/* before is what the object was when the read began; it must be that still when it ends. */
static int read_checked(struct file_store *file, const struct file_opened *object,
                        const struct stat *before, void *buffer, size_t size, uint64_t offset,
                        struct ps_error *err)
{
    int outcome = read_all(object->fd, buffer, size, offset);
    struct ps_object_info info;
    struct stat st;
    int result;

    if (fstat(object->fd, &st) < 0)
        return ps_file_failed(err, errno, "reading", file, object->key);
    if (outcome < 0)
        return ps_file_failed(err, -outcome, "reading", file, object->key);
    ps_file_info(&info, before);
    result = check(file, object->key, &st, &info, err);
    if (result == 0 && outcome > 0)
        return ps_error_set(err, PS_E_CORRUPT, 0, "%.90s/%.80s ended early", file->folder,
                            object->key);
    return result;
}

static int file_read(void *handle, const char *key, const struct ps_object_info *expected,
                     void *buffer, size_t size, uint64_t offset, struct ps_error *err)
{
    struct file_store *file = handle;
    struct file_opened *object;
    struct stat st;
    uint64_t end;
    int result = ps_file_take(&object, file, key, &st, err);

    if (result < 0)
        return result;
    result = check(file, key, &st, expected, err);
    end = (uint64_t)st.st_size;
    if (result == 0 && (offset > end || size > end - offset))
        result = ps_error_set(err, PS_E_CORRUPT, 0, "%.70s/%.60s ends before byte %" PRIu64,
                              file->folder, key, offset + size);
    if (result == 0)
        result = read_checked(file, object, &st, buffer, size, offset, err);
    ps_file_give(file, object, result == 0);
    return result;
}

/*
 * The data decides and not the marker: a rename puts it there whole, and files
 * that others placed have no marker. A writer that does neither shows in the
 * version that every read checks.
 */
static int file_exists(void *handle, const char *key, struct ps_error *err)
{
    struct ps_object_info info;
    struct ps_error own = {0};
    int result = file_stat(handle, key, &info, &own);

    if (result == 0)
        return 1;
    if (result == PS_E_NOT_FOUND)
        return 0;
    if (err != NULL && err->code == 0)
        *err = own; /* with its errno, which says whether another try is worth it */
    return result;
}

static int file_descriptor(void *handle, const char *key, const struct ps_object_info *expected,
                           struct ps_error *err)
{
    struct file_store *file = handle;
    struct stat st;
    int fd, flags, result;

    if (!file->direct)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "direct=0: no descriptor of '%.100s'", key);
    fd = ps_file_open(file, key, O_RDONLY | O_NONBLOCK | O_NOCTTY, &st, err);
    if (fd < 0)
        return fd;
    result = check(file, key, &st, expected, err);
    /* O_NONBLOCK was there for a FIFO in the place of the object; the program must not see it */
    if (result == 0 &&
        ((flags = fcntl(fd, F_GETFL)) < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0))
        result = ps_file_failed(err, errno, "opening", file, key);
    if (result == 0)
        return fd;
    close(fd);
    return result;
}

const struct ps_backend ps_backend_file = {
    .struct_size = sizeof(struct ps_backend),
    .api_version = PS_BACKEND_API,
    .flags = PS_BACKEND_PARALLEL,
    .name = "file",
    .schemes = "file",
    .help = "direct=0: read objects in parts, never hand out the file itself\n",
    .open = file_open,
    .close = file_close,
    .stat = file_stat,
    .read = file_read,
    .put = ps_file_put,
    .exists = file_exists,
    .evict = ps_file_evict,
    .descriptor = file_descriptor,
    .list = ps_file_list,
};

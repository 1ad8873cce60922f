/*
 * backend_dvc.c: the objects of a DVC cache, which are named by their digest
 *
 * dvc:///repo/.dvc/cache/files/md5: object "abcdef" is the file ab/cdef there, put by a rename and
 * never changed, so that a descriptor shows one object, whole. See docs/BACKENDS.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ps/backend.h>

static int dvc_open(void **handle, const char *url, struct ps_error *err)
{
    if (ps_url_end_options(url, err) < 0)
        return PS_E_INVALID;
    *handle = strdup(url + strlen("dvc://"));
    return *handle ? 0 : ps_error_set(err, PS_E_NOMEM, errno, "opening '%.150s'", url);
}

/* A descriptor, and what it shows; no symbolic link may lead it out of what the user allowed. */
static int open_object(const char *folder, const char *key, struct ps_object_info *info,
                       struct ps_error *err)
{
    struct open_how how = {O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS};
    char path[2 * PS_URI_MAX];
    struct stat st;
    int fd;

    if (strlen(key) < 3 || strlen(key) > 255 || key[0] == '.' || strchr(key, '/') != NULL)
        return ps_error_set(err, PS_E_INVALID, 0, "'%.150s' is no digest", key);
    snprintf(path, sizeof(path), "%s/%.2s/%s", folder, key, key + 2);
    fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
    if (fd < 0)
        return ps_error_set(err, errno == ENOENT ? PS_E_NOT_FOUND : PS_E_SYSTEM, errno, "%.200s",
                            path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return close(fd), ps_error_set(err, PS_E_UNSUPPORTED, 0, "no plain file: %.200s", path);
    info->size = (uint64_t)st.st_size;
    snprintf(info->version, sizeof(info->version), "i%ju-m%jd.%09ld", (uintmax_t)st.st_ino,
             (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    return fd;
}

static int dvc_stat(void *handle, const char *key, struct ps_object_info *info,
                    struct ps_error *err)
{
    int fd = open_object(handle, key, info, err);

    return fd < 0 ? fd : (close(fd), 0);
}

static int dvc_read(void *handle, const char *key, const struct ps_object_info *expected,
                    void *buffer, size_t size, uint64_t offset, struct ps_error *err)
{
    struct ps_object_info info;
    int fd = open_object(handle, key, &info, err), result = 0;
    size_t done = 0;
    ssize_t n;

    if (fd < 0)
        return fd;
    do
        n = pread(fd, (char *)buffer + done, size - done, (off_t)(offset + done));
    while (n > 0 && (done += (size_t)n) < size);
    if ((expected->size != info.size && expected->size != PS_SIZE_UNKNOWN) ||
        (expected->version[0] && strcmp(expected->version, info.version) != 0))
        result = ps_error_set(err, PS_E_STALE, 0, "%.100s is another object now", key);
    else if (n < 0 && offset <= info.size)
        result = ps_error_set(err, PS_E_SYSTEM, errno, "reading %.100s", key);
    else if (done != size)
        result = ps_error_set(err, PS_E_CORRUPT, 0, "%.100s ends too early", key);
    close(fd);
    return result;
}

static const struct ps_backend backend = {
    .struct_size = sizeof(struct ps_backend),
    .api_version = PS_BACKEND_API,
    .flags = PS_BACKEND_PARALLEL, /* nothing is shared between calls but a constant text */
    .name = "dvc",
    .schemes = "dvc",
    .help = "",
    .open = dvc_open,
    .close = free,
    .stat = dvc_stat,
    .read = dvc_read,
};

PS_API const struct ps_backend *ps_backend_init(uint32_t api_version)
{
    return api_version == PS_BACKEND_API ? &backend : NULL;
}

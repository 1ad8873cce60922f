/* trust_allow.c: ps_trust_allow, which writes the user's word into the configuration file */
#include <ps/ps.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/sys.h"
#include "config_load.h"
#include "file_url.h"
#include "proxy_parse.h"
#include "trust.h"
#include "url.h"

/* "/" would allow every file of this machine to any proxy: nobody means that by one put. */
static int clean_path(char **url, const char *path, struct ps_error *err)
{
    int error, status;
    char *canonical = ps_place_canonical(path, &error);

    if (canonical == NULL)
        return ps_error_set(err, ps_place_code(error), error, "%.150s", path);
    if (strcmp(canonical, "/") == 0)
        status = ps_error_set(err, PS_E_INVALID, 0, "/ is every file of this machine");
    else
        status = ps_config_prefix(url, canonical, err);
    free(canonical);
    return status;
}

/*
 * The prefix as it is recorded: a URL without wrappers, options and symbolic
 * links. What a proxy may not name cannot be allowed either, so the rules for
 * an object hold; above all, no control character that would begin a new line.
 */
static int clean_prefix(char **url, const char *prefix, struct ps_error *err)
{
    struct ps_proxy_reader reader = {.err = err};
    char path[PS_URI_MAX];
    char *given;
    int status = ps_config_prefix(&given, prefix, err);

    if (status != 0)
        return status;
    for (const char *c = given; *c && status == 0; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            status = ps_error_set(err, PS_E_INVALID, 0, "a control character in a URL");
    given[strcspn(given, "?")] = '\0';
    memmove(given, ps_url_inner(given), strlen(ps_url_inner(given)) + 1);
    if (status == 0)
        status = ps_proxy_check_object(&reader, (struct ps_span){given, strlen(given)});
    if (status == 0 && ps_is_file_url(given)) {
        status = ps_file_url_path(path, sizeof(path), given, err);
        free(given);
        given = NULL;
        if (status == 0)
            status = clean_path(&given, path, err);
    }
    if (status != 0)
        free(given);
    else
        *url = given;
    return status;
}

/* Is it in the file, or in a store? PS_ALLOW and PS_STORE do not count: they go with their shell.
 */
static int is_recorded(const char *url, struct ps_error *err)
{
    const struct ps_config *config = ps_config_get(err);
    struct ps_place place = {.url = url};
    char path[PS_URI_MAX];

    if (config == NULL)
        return err && err->code ? err->code : PS_E_INVALID;
    if (ps_is_file_url(url)) {
        if (ps_file_url_path(path, sizeof(path), url, err) < 0)
            return PS_E_INVALID;
        place.path = path; /* canonical: clean_prefix made it so */
    }
    return ps_place_recorded(&place, config);
}

/* Makes the folders above path, for this user alone. */
static int make_folders(const char *path, struct ps_error *err)
{
    char folder[PATH_MAX];

    if (strlen(path) >= sizeof(folder))
        return ps_error_set(err, PS_E_INVALID, 0, "path is too long: '%.100s...'", path);
    strcpy(folder, path);
    for (char *slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        long result;

        *slash = '\0';
        result = sys_call3(SYS_mkdirat, AT_FDCWD, folder, 0700);
        /* one that is there may be in a place where we may make none */
        if (result < 0 && result != -EEXIST && sys_call3(SYS_faccessat, AT_FDCWD, folder, 0) < 0)
            return ps_error_set(err, PS_E_SYSTEM, (int)-result, "cannot make folder '%.150s'",
                                folder);
        *slash = '/';
    }
    return 0;
}

/*
 * Adds the line in one write, so that a reader without the lock sees all of it
 * or nothing; and only if the file stays short enough to be read at all.
 */
static int append(int fd, const char *url, const char *file, struct ps_error *err)
{
    struct stat st;
    char last = '\n';
    char line[PS_URI_MAX + 16];
    ssize_t result = sys_fstat(fd, &st);
    int size;

    if (result == 0 && st.st_size > 0)
        result = sys_pread(fd, &last, 1, (uint64_t)st.st_size - 1);
    size = snprintf(line, sizeof(line), "%sallow = %s\n", last == '\n' ? "" : "\n", url);
    if (result >= 0 && st.st_size + size > PS_CONFIG_FILE_MAX)
        return ps_error_set(err, PS_E_INVALID, 0,
                            "%.150s is full: allow a folder in place of many objects", file);
    if (result >= 0)
        result = sys_write(fd, line, (size_t)size);
    if (result < 0)
        return ps_error_set(err, PS_E_SYSTEM, (int)-result, "cannot write %.150s", file);
    if (result != size)
        return ps_error_set(err, PS_E_SYSTEM, ENOSPC, "cannot write %.150s", file);
    return 0;
}

static int record(const char *url, const char *file, struct ps_error *err)
{
    int status = make_folders(file, err);
    int fd;
    long result;

    if (status != 0)
        return status;
    fd = sys_openat(AT_FDCWD, file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0)
        return ps_error_set(err, PS_E_SYSTEM, -fd, "%.150s", file);
    do
        result = sys_call3(SYS_flock, fd, LOCK_EX, 0);
    while (result == -EINTR);
    /* where locks are not supported, two lines with the same prefix do no harm */
    ps_config_reset();
    status = is_recorded(url, err); /* by now another process may have recorded it */
    if (status == 0) {
        status = append(fd, url, file, err);
        status = status == 0 ? 1 : status;
    } else if (status > 0) {
        status = 0;
    }
    sys_close(fd);
    ps_config_reset();
    return status;
}

PS_API int ps_trust_allow(const char *prefix, char *file, size_t size, struct ps_error *err)
{
    const struct ps_config *config;
    char *url;
    int status;

    ps_error_clear(err);
    config = ps_config_get(err);
    if (config == NULL)
        return err && err->code ? err->code : PS_E_INVALID;
    if (file != NULL && size > 0)
        snprintf(file, size, "%s", config->file ? config->file : "");
    status = clean_prefix(&url, prefix, err);
    if (status != 0)
        return status;
    status = is_recorded(url, err);
    if (status > 0)
        status = 0;
    else if (status == 0 && config->file == NULL)
        status =
            ps_error_set(err, PS_E_NOT_FOUND, 0, "no configuration file: set PS_CONFIG or HOME");
    else if (status == 0 && ps_config_variable("PS_CONFIG") != NULL && !config->file_exists)
        status = ps_error_set(err, PS_E_INVALID, 0, "%.150s is no file to record in", config->file);
    else if (status == 0)
        status = record(url, config->file, err);
    free(url);
    return status;
}

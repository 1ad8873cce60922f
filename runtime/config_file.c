/* config_file.c: where the configuration file is, and its bytes */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/sysmacros.h>

#include "base/sys.h"
#include "config_load.h"
#include "file_url.h"

const char *ps_config_variable(const char *name)
{
    const char *value;

    if (getauxval(AT_SECURE) != 0)
        return NULL;
    value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/*
 * *out = $<variable><tail>, or $HOME<home_tail><tail>; NULL where neither is an
 * absolute path. Without HOME, PS_HOME stands for it.
 */
static int home_path(char **out, const char *variable, const char *home_tail, const char *tail,
                     struct ps_error *err)
{
    const char *base = ps_config_variable(variable);

    *out = NULL;
    if (base != NULL && base[0] == '/')
        home_tail = "";
    else
        base = ps_config_variable("HOME");
    if (base == NULL)
        base = ps_config_variable("PS_HOME");
    if (base == NULL || base[0] != '/')
        return 0;
    if (asprintf(out, "%s%s%s", base, home_tail, tail) < 0) {
        *out = NULL;
        return ps_error_set(err, PS_E_NOMEM, 0, "no memory for the configuration");
    }
    return 0;
}

int ps_config_find_file(struct ps_config *config, struct ps_error *err)
{
    const char *named = ps_config_variable("PS_CONFIG");
    char *folder;
    int status = home_path(&folder, "XDG_DATA_HOME", "/.local/share", "/libps/objects", err);

    if (status == 0 && folder != NULL)
        status = ps_config_set_default(config, folder, err);
    if (status == 0 && folder != NULL)
        status = ps_config_add_nameless(config, folder, err);
    free(folder);
    if (status != 0)
        return status;
    if (named == NULL)
        return home_path(&config->file, "XDG_CONFIG_HOME", "/.config", "/libps/config", err);
    config->file = strdup(named);
    return config->file ? 0 : ps_error_set(err, PS_E_NOMEM, 0, "no memory for the configuration");
}

/*
 * Who may write the file may send this user's programs anywhere. Returns 1
 * when there is something to read, 0 for /dev/null.
 */
static int check_owner(const struct ps_config *config, const struct stat *st, struct ps_error *err)
{
    if (S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3))
        return 0;
    if (!S_ISREG(st->st_mode))
        return ps_error_set(err, PS_E_INVALID, 0, "%.150s: not a regular file", config->file);
    if (st->st_uid != (uid_t)sys_call3(SYS_geteuid, 0, 0, 0) && st->st_uid != 0)
        return ps_error_set(err, PS_E_INVALID, 0,
                            "%.100s: belongs to user %u, not to you: not used; set PS_CONFIG",
                            config->file, (unsigned)st->st_uid);
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return ps_error_set(err, PS_E_INVALID, 0,
                            "%.90s: others can write it: not used; run chmod go-w %.90s",
                            config->file, config->file);
    if (st->st_size > PS_CONFIG_FILE_MAX)
        return ps_error_set(err, PS_E_INVALID, 0, "%.150s: longer than 1 MiB", config->file);
    return 1;
}

/* The bytes of the file, allocated. Returns their number, or a negative errno. */
static ssize_t read_all(int fd, char **text)
{
    size_t used = 0;
    ssize_t n;

    *text = malloc(PS_CONFIG_FILE_MAX);
    if (*text == NULL)
        return -ENOMEM;
    do {
        n = sys_pread(fd, *text + used, PS_CONFIG_FILE_MAX - used, used);
        used += n > 0 ? (size_t)n : 0;
    } while (n > 0 || n == -EINTR);
    return n < 0 ? n : (ssize_t)used;
}

static int read_open_file(struct ps_config *config, int fd, struct ps_error *err)
{
    struct stat st;
    ssize_t size = sys_fstat(fd, &st);
    char *text = NULL;
    int status;

    if (size < 0)
        return ps_error_set(err, PS_E_SYSTEM, (int)-size, "%.150s", config->file);
    status = check_owner(config, &st, err);
    if (status <= 0)
        return status;
    config->file_exists = true;
    size = read_all(fd, &text);
    status = size < 0 ? ps_error_set(err, size == -ENOMEM ? PS_E_NOMEM : PS_E_SYSTEM, (int)-size,
                                     "%.150s", config->file)
                      : ps_config_parse(config, text, (size_t)size, err);
    free(text);
    return status;
}

int ps_config_read_file(struct ps_config *config, struct ps_error *err)
{
    bool is_named = ps_config_variable("PS_CONFIG") != NULL;
    struct stat st;
    int fd, status;

    if (config->file == NULL)
        return 0;
    status = sys_fstatat(AT_FDCWD, config->file, &st, 0);
    if (status == -ENOENT && is_named)
        return ps_error_set(err, PS_E_NOT_FOUND, 0,
                            "PS_CONFIG names a file that is not there: %.120s", config->file);
    /* EACCES: in somebody else's home folder, as after su; that is not this user's file */
    if (!is_named && (status == -ENOENT || status == -ENOTDIR || status == -EACCES))
        return 0;
    /* O_NONBLOCK: a FIFO of that name must not make us wait */
    fd = sys_openat(AT_FDCWD, config->file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
    if (fd < 0)
        return ps_error_set(err, PS_E_SYSTEM, -fd, "%.150s", config->file);
    status = read_open_file(config, fd, err);
    sys_close(fd);
    return status;
}

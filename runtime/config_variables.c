/* config_variables.c: the PS_* variables. Others that begin with PS_ belong to other programs. */
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include <ps/backend.h>

#include "config_load.h"
#include "room.h"

const struct ps_variable ps_variables[] = {
    {"PS_CONFIG", "path", "~/.config/libps/config", "the configuration file"},
    {"PS_HOME", "absolute path of a folder", "", "what HOME is to libps, where there is no HOME"},
    {"PS_STORE", "name or URL", "file://~/.local/share/libps/objects",
     "the store to use when none is named"},
    {"PS_ALLOW", "URLs or absolute paths, separated by spaces", "",
     "proxies may name objects under these"},
    {"PS_ENGINE", "auto, uffd, uffd-user or segv", "auto", "how a first touch is caught"},
    {"PS_MEMORY", "a size, such as 4G; at least 16M, or 0: no limit",
     "half of what the machine has, or of the limit of its memory cgroup",
     "bytes of objects that a process keeps in memory"},
    {"PS_READ_AHEAD", "a size, such as 2M; 0: none", "64M",
     "bytes that are fetched ahead of a reader at most"},
    {"PS_DEADLINE", "a time, such as 10s; at most a day", "60s",
     "how long a program waits for bytes of an object behind a network"},
    {"PS_CACHE", "absolute path of a folder", "",
     "where bytes of objects behind a network are kept for all programs"},
    {"PS_CACHE_SIZE", "a size, such as 20G", "half of what the file system has room for",
     "bytes that are kept there"},
    {"PS_LEARN", "absolute path of a folder", "",
     "where it is noted what a program fetches, to have it ready in its next run"},
    {"PS_PROFILE", "absolute path of a folder", "",
     "where each process writes down what waited for data, for psctl run --profile"},
    {"PS_STATS", "path or stderr", "", "where to count what is done for each object"},
    {"PS_BACKEND_PATH", "a folder", "",
     "where backend modules are looked for first, before libps beside the library"},
    {"PS_FAIL_WHILE", "path", "", "stores behind fail+ fail only while this file is there"},
    {"PS_MOUNT", "/folder=STORE, several separated by spaces", "",
     "stores that a program finds as folders"},
    {"PS_SUPERVISOR", "absolute path, or on", "",
     "the psctl that runs programs which can't be preloaded; set by psctl run"},
    {"PS_FILTERED", "1", "",
     "a filter of system calls is inherited; set by a program that set one, for those it runs"},
    {"PS_TRACE", "path", "", "where stores behind trace+ write a line for each call"},
    {"PS_DISABLE", "0 or 1", "0", "1: do nothing, proxies are plain files"},
    {NULL, NULL, NULL, NULL},
};

static int fail_variable(const char *name, const struct ps_error *cause, struct ps_error *err)
{
    return ps_error_set(err, cause->code, 0, "%s: %s", name, cause->message);
}

static int read_engine(struct ps_config *config, struct ps_error *err)
{
    static const char *const names[] = {
        [PS_ENGINE_AUTO] = "auto",
        [PS_ENGINE_UFFD] = "uffd",
        [PS_ENGINE_UFFD_USER] = "uffd-user",
        [PS_ENGINE_SEGV] = "segv",
    };
    const char *value = ps_config_variable("PS_ENGINE");

    if (value == NULL)
        return 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(value, names[i]) == 0) {
            config->engine = (enum ps_engine_choice)i;
            return 0;
        }
    return ps_error_set(err, PS_E_INVALID, 0,
                        "PS_ENGINE: \"%.60s\" is none of auto, uffd, uffd-user, segv", value);
}

static int read_memory(struct ps_config *config, struct ps_error *err)
{
    enum { LEAST = 16 << 20 }; /* what is in flight needs some */
    const char *value = ps_config_variable("PS_MEMORY");
    struct ps_error cause = {0};

    if (value == NULL) {
        config->memory = ps_room() / 2;
        if (config->memory < LEAST)
            config->memory = LEAST;
        return 0;
    }
    if (ps_parse_size(&config->memory, value, &cause) < 0)
        return fail_variable("PS_MEMORY", &cause, err);
    if (config->memory < LEAST && config->memory != 0)
        return ps_error_set(err, PS_E_INVALID, 0, "PS_MEMORY: %.60s is less than 16M", value);
    return 0;
}

static int read_read_ahead(struct ps_config *config, struct ps_error *err)
{
    const char *value = ps_config_variable("PS_READ_AHEAD");
    struct ps_error cause = {0};

    config->read_ahead = UINT64_C(64) << 20;
    if (value != NULL && ps_parse_size(&config->read_ahead, value, &cause) < 0)
        return fail_variable("PS_READ_AHEAD", &cause, err);
    return 0;
}

/* The retry wrapper reads it, too. */
static int read_deadline(struct ps_config *config, struct ps_error *err)
{
    const char *value = ps_config_variable("PS_DEADLINE");
    struct ps_error cause = {0};

    config->deadline = UINT64_C(60) * 1000000000;
    if (value != NULL && ps_parse_time(&config->deadline, value, &cause) < 0)
        return fail_variable("PS_DEADLINE", &cause, err);
    if (config->deadline > UINT64_C(86400) * 1000000000)
        return ps_error_set(err, PS_E_INVALID, 0, "PS_DEADLINE: %.60s is more than a day", value);
    return 0;
}

static int read_disable(struct ps_config *config, struct ps_error *err)
{
    const char *value = ps_config_variable("PS_DISABLE");

    config->disable = getauxval(AT_SECURE) != 0;
    if (value == NULL || strcmp(value, "0") == 0)
        return 0;
    if (strcmp(value, "1") != 0)
        return ps_error_set(err, PS_E_INVALID, 0, "PS_DISABLE: \"%.60s\" is neither 0 nor 1",
                            value);
    config->disable = true;
    return 0;
}

static int read_store(struct ps_config *config, struct ps_error *err)
{
    const char *value = ps_config_variable("PS_STORE");
    struct ps_error cause = {0};

    if (value != NULL && ps_config_set_default(config, value, &cause) != 0)
        return fail_variable("PS_STORE", &cause, err);
    return 0;
}

static int read_allow(struct ps_config *config, struct ps_error *err)
{
    const char *value = ps_config_variable("PS_ALLOW");
    struct ps_error cause = {0};
    char *copy, *rest, *url;
    int status = 0;

    if (value == NULL)
        return 0;
    copy = strdup(value);
    if (copy == NULL)
        return ps_error_set(err, PS_E_NOMEM, 0, "no memory for the configuration");
    for (url = strtok_r(copy, " ", &rest); url && status == 0; url = strtok_r(NULL, " ", &rest))
        status = ps_config_add_allow(config, url, &cause);
    free(copy);
    return status ? fail_variable("PS_ALLOW", &cause, err) : 0;
}

static int copy_variable(char **out, const char *name, struct ps_error *err)
{
    const char *value = ps_config_variable(name);

    if (value == NULL)
        return 0;
    *out = strdup(value);
    return *out ? 0 : ps_error_set(err, PS_E_NOMEM, 0, "no memory for the configuration");
}

static int read_folder(char **out, const char *name, struct ps_error *err)
{
    const char *value = ps_config_variable(name);

    if (value == NULL || value[0] == '/')
        return copy_variable(out, name, err);
    return ps_error_set(err, PS_E_INVALID, 0, "%s: \"%.60s\" is no absolute path", name, value);
}

/* A file in memory, by its descriptor: less than what this process may have there itself. */
static uint64_t tree_cache_size(const struct ps_config *config)
{
    const char *cache = ps_config_variable("PS_CACHE");

    if (cache == NULL || strncmp(cache, "/proc/", 6) != 0)
        return 0;
    return (config->memory != 0 ? config->memory : ps_room() / 2) / 2;
}

static int read_cache(struct ps_config *config, struct ps_error *err)
{
    const char *size = ps_config_variable("PS_CACHE_SIZE");
    struct ps_error cause = {0};

    config->cache_size = tree_cache_size(config);
    if (size != NULL && ps_parse_size(&config->cache_size, size, &cause) < 0)
        return fail_variable("PS_CACHE_SIZE", &cause, err);
    return read_folder(&config->cache, "PS_CACHE", err);
}

int ps_config_read_variables(struct ps_config *config, struct ps_error *err)
{
    int status = read_disable(config, err);

    if (status == 0)
        status = read_engine(config, err);
    if (status == 0)
        status = read_memory(config, err);
    if (status == 0)
        status = read_read_ahead(config, err);
    if (status == 0)
        status = read_deadline(config, err);
    if (status == 0)
        status = read_cache(config, err);
    if (status == 0)
        status = read_store(config, err);
    if (status == 0)
        status = read_allow(config, err);
    if (status == 0)
        status = read_folder(&config->learn, "PS_LEARN", err);
    if (status == 0)
        status = read_folder(&config->profile, "PS_PROFILE", err);
    if (status == 0)
        status = copy_variable(&config->stats, "PS_STATS", err);
    return status;
}

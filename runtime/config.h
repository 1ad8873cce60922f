/*
 * config.h: what the user has configured, by one file and by PS_* variables
 *
 * The file is $PS_CONFIG, else $XDG_CONFIG_HOME/libps/config, else
 * ~/.config/libps/config. Its lines:
 *
 *     # comment
 *     default = NAME or URL     the store to use when none is named
 *     store.NAME = URL
 *     allow = URL               proxies may name objects under it
 *
 * Where a URL is wanted, an absolute path means file://.
 */
#ifndef PS_CONFIG_H
#define PS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include <ps/proxy.h>

enum ps_engine_choice { PS_ENGINE_AUTO, PS_ENGINE_UFFD, PS_ENGINE_UFFD_USER, PS_ENGINE_SEGV };

struct ps_config_store {
    char *name;
    char *url;
};

/* Read-only once ps_config_get gave it, and never freed. */
struct ps_config {
    char *file;          /* path of the configuration file, there or not; NULL: no home folder */
    bool file_exists;    /* false too for /dev/null */
    char *default_store; /* a URL, or a name that is in stores; NULL: none, and no home folder */
    struct ps_config_store *stores;
    size_t store_count;
    char **allow; /* URLs; the first allow_recorded of them come from the file */
    size_t allow_count;
    size_t allow_recorded;
    enum ps_engine_choice engine;
    uint64_t memory;     /* bytes of objects that may be in memory; 0: no limit */
    uint64_t read_ahead; /* bytes that may be fetched ahead of a stream */
    uint64_t deadline;   /* of what somebody waits for, in ns; 0: none */
    char *cache;         /* path of a folder for what is behind a network; NULL: none */
    uint64_t cache_size; /* bytes that may be there; 0: half of what there is room for */
    char *learn;         /* path of a folder; NULL: none */
    char *profile;       /* path of a folder; NULL: none */
    char *stats;         /* path, or "stderr"; NULL: none */
    bool disable;        /* also in AT_SECURE processes */
    struct ps_config *older;
};

/* The variables that libps reads; a NULL name ends the table. */
struct ps_variable {
    const char *name;
    const char *value; /* what it may be */
    const char *fallback;
    const char *meaning;
};
extern const struct ps_variable ps_variables[];

/*
 * ps_config_get: the configuration, read at the first call
 *
 * NULL when the file or a variable is wrong; err is filled at every call then.
 * Thread-safe; allocates at the first call only.
 */
const struct ps_config *ps_config_get(struct ps_error *err);

/* ps_config_disabled: is libps to do nothing? PS_DISABLE=1 holds whatever else is wrong. */
bool ps_config_disabled(void);

/* ps_config_reset: read it again at the next call. What was handed out stays valid. */
void ps_config_reset(void);

/* What fork does to it: the lock is free in the child. */
void ps_config_fork_prepare(void);
void ps_config_fork_parent(void);
void ps_config_fork_child(void);

/*
 * ps_config_store_url: the URL and the name of a store
 *
 * name_or_url NULL is the default store. name gets "" for a URL. Errors:
 * PS_E_NOT_FOUND for a name that is not configured, PS_E_INVALID.
 */
int ps_config_store_url(const struct ps_config *config, const char *name_or_url, char *url,
                        size_t url_size, char *name, size_t name_size, struct ps_error *err);

#endif

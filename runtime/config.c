/* config.c: see config.h */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "config_load.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects the four below */
static struct ps_config *all; /* every one ever read: none is freed, somebody may hold it */
static _Atomic(const struct ps_config *) current; /* also read without the lock */
static struct ps_error failure;                   /* of the last reading */
static bool is_failed;

/* With signals blocked: a handler that opens a file must not meet its own thread's lock. */
static void take_lock(uint64_t *mask)
{
    uint64_t every = ~UINT64_C(0);

    sys_sigmask(SIG_BLOCK, &every, mask);
    pthread_mutex_lock(&lock);
}

static void give_lock(const uint64_t *mask)
{
    pthread_mutex_unlock(&lock);
    sys_sigmask(SIG_SETMASK, mask, NULL);
}

static int load(struct ps_config *config, struct ps_error *err)
{
    int status = ps_config_find_file(config, err);

    if (status == 0)
        status = ps_config_read_file(config, err);
    config->allow_recorded = config->allow_count;
    if (status == 0)
        status = ps_config_read_variables(config, err);
    return status;
}

/* Under the lock. What a failed reading has allocated stays on the list. */
static void load_once(void)
{
    struct ps_config *config = calloc(1, sizeof(*config));

    ps_error_clear(&failure);
    if (config == NULL) {
        ps_error_set(&failure, PS_E_NOMEM, 0, "no memory for the configuration");
        return;
    }
    config->older = all;
    all = config;
    if (load(config, &failure) == 0)
        atomic_store_explicit(&current, config, memory_order_release);
    else /* what was only lacking may be there next time */
        is_failed = failure.code != PS_E_NOMEM && failure.sys_errno != EMFILE &&
                    failure.sys_errno != ENFILE && failure.sys_errno != ENOMEM;
}

const struct ps_config *ps_config_get(struct ps_error *err)
{
    const struct ps_config *config = atomic_load_explicit(&current, memory_order_acquire);
    uint64_t mask;

    if (config != NULL)
        return config;
    take_lock(&mask);
    config = atomic_load_explicit(&current, memory_order_relaxed);
    if (config == NULL && !is_failed)
        load_once();
    config = atomic_load_explicit(&current, memory_order_relaxed);
    if (config == NULL)
        ps_error_set(err, failure.code, 0, "%s", failure.message);
    if (config == NULL && err != NULL && err->code == failure.code)
        err->sys_errno = failure.sys_errno;
    give_lock(&mask);
    return config;
}

bool ps_config_disabled(void)
{
    const struct ps_config *config = ps_config_get(NULL);
    const char *value;

    if (config != NULL)
        return config->disable;
    /* who is stopped by a wrong configuration must still be able to turn libps off */
    value = ps_config_variable("PS_DISABLE");
    return value != NULL && strcmp(value, "1") == 0;
}

void ps_config_reset(void)
{
    uint64_t mask;

    take_lock(&mask);
    atomic_store_explicit(&current, NULL, memory_order_relaxed);
    is_failed = false;
    give_lock(&mask);
}

void ps_config_fork_prepare(void)
{
    pthread_mutex_lock(&lock);
}

void ps_config_fork_parent(void)
{
    pthread_mutex_unlock(&lock);
}

void ps_config_fork_child(void)
{
    pthread_mutex_unlock(&lock);
}

static int copy_text(char *out, size_t size, const char *text, const char *what,
                     struct ps_error *err)
{
    if (strlen(text) >= size)
        return ps_error_set(err, PS_E_INVALID, 0, "%s of a store is too long: '%.100s'", what,
                            text);
    strcpy(out, text);
    return 0;
}

int ps_config_store_url(const struct ps_config *config, const char *name_or_url, char *url,
                        size_t url_size, char *name, size_t name_size, struct ps_error *err)
{
    const char *wanted = name_or_url ? name_or_url : config->default_store;
    const struct ps_config_store *store;
    char *given;
    int status;

    if (wanted == NULL)
        return ps_error_set(err, PS_E_NOT_FOUND, 0, "no default store: set PS_STORE or HOME");
    store = ps_config_find_store(config, wanted);
    if (store != NULL) {
        status = copy_text(name, name_size, store->name, "name", err);
        return status ? status : copy_text(url, url_size, store->url, "URL", err);
    }
    if (strchr(wanted, '/') == NULL)
        return ps_error_set(err, PS_E_NOT_FOUND, 0,
                            "no store is called '%.60s': add \"store.%.60s = URL\" to %.80s",
                            wanted, wanted,
                            config->file ? config->file : "a file, named by PS_CONFIG");
    status = ps_config_url(&given, wanted, err);
    if (status != 0)
        return status;
    status = copy_text(url, url_size, given, "URL", err);
    free(given);
    return status ? status : copy_text(name, name_size, "", "name", err);
}

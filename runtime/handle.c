/* handle.c: the cache of opened backends; see handle.h */
#include "handle.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/guard.h"
#include "base/sys.h"
#include "config.h"
#include "trust.h"

struct ps_handle {
    struct ps_handle *next;
    char *url;
    const struct ps_backend *backend;
    void *opened;         /* the backend's own; NULL: a child has none yet */
    int pid;              /* that opened it: a child must not share its parent's connections */
    struct ps_flow flow;  /* is_remote: before its wrappers were put before it */
    uint64_t deadline;    /* of its reads, in ns; 0: none */
    unsigned users;       /* protected by handles_lock */
    pthread_mutex_t lock; /* serialises a backend that is not PS_BACKEND_PARALLEL */
};

/*
 * Protects the list, users, and every open and close of a backend, so that a
 * fork, which takes it, never happens in the middle of one.
 */
static pthread_mutex_t handles_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ps_handle *handles;

void ps_handle_fork_prepare(void)
{
    pthread_mutex_lock(&handles_lock);
}

void ps_handle_fork_parent(void)
{
    pthread_mutex_unlock(&handles_lock);
}

void ps_handle_fork_child(void)
{
    pthread_mutex_init(&handles_lock, NULL);
    ps_guard_enter();
    for (struct ps_handle *handle = handles; handle != NULL; handle = handle->next) {
        handle->pid = 0; /* a child may get the number of an ancestor that has ended */
        if (handle->opened != NULL && handle->backend->forget != NULL) {
            handle->backend->forget(handle->opened);
            handle->opened = NULL; /* a child of the child has nothing more to close */
        }
    }
    ps_guard_leave();
}

/* What is behind a network is used by way of wrappers, unless its URL has some already. */
static int open_backend(struct ps_handle *handle, struct ps_error *err)
{
    const struct ps_config *config = ps_config_get(NULL);
    char own[PS_URI_MAX], url[sizeof(own) + sizeof("cache+retry+")];
    int result;

    strcpy(own, handle->url); /* it came out of such a one */
    result = ps_flow_take(&handle->flow, own, err);
    if (result == 0)
        result = ps_backend_open(&handle->backend, &handle->opened, own, err);

    handle->flow.pace.is_remote = result == 0 && handle->backend->flags & PS_BACKEND_REMOTE;
    if (handle->flow.pace.is_remote) {
        handle->backend->close(handle->opened);
        snprintf(url, sizeof(url), "%sretry+%s",
                 config != NULL && config->cache != NULL ? "cache+" : "", own);
        result = ps_backend_open(&handle->backend, &handle->opened, url, err);
    }
    if (result < 0) {
        handle->opened = NULL;
        return result;
    }
    handle->pid = sys_getpid();
    /* a plain file is waited for as long as its file system takes, as by any program */
    handle->deadline =
        config != NULL && handle->backend->flags & PS_BACKEND_WRAPPER ? config->deadline : 0;
    return 0;
}

static void handle_free(struct ps_handle *handle)
{
    pthread_mutex_destroy(&handle->lock);
    free(handle->url);
    free(handle);
}

static struct ps_handle *handle_new(const char *url, struct ps_error *err)
{
    struct ps_handle *handle = calloc(1, sizeof(*handle));

    if (handle == NULL || (handle->url = strdup(url)) == NULL) {
        free(handle);
        ps_error_set(err, PS_E_NOMEM, 0, "no memory for a store");
        return NULL;
    }
    pthread_mutex_init(&handle->lock, NULL);
    if (open_backend(handle, err) < 0) {
        handle_free(handle);
        return NULL;
    }
    return handle;
}

int ps_handle_get(struct ps_handle **out, const char *place, struct ps_error *err)
{
    char url[PS_URI_MAX];
    struct ps_handle *handle = NULL;
    int result = ps_trust_login(url, sizeof(url), ps_config_get(NULL), place, err);

    *out = NULL;
    if (result < 0)
        return result;
    ps_guard_enter();
    pthread_mutex_lock(&handles_lock);
    for (handle = handles; handle != NULL; handle = handle->next)
        if (strcmp(handle->url, url) == 0 && handle->pid == sys_getpid())
            break;
    if (handle == NULL && (handle = handle_new(url, err)) != NULL) {
        handle->next = handles;
        handles = handle;
    }
    if (handle != NULL)
        handle->users++;
    else
        result = err != NULL && err->code != 0 ? err->code : PS_E_SYSTEM;
    pthread_mutex_unlock(&handles_lock);
    ps_guard_leave();
    *out = handle;
    return result;
}

void ps_handle_put(struct ps_handle *handle)
{
    if (handle == NULL)
        return;
    ps_guard_enter();
    pthread_mutex_lock(&handles_lock);
    if (--handle->users == 0) {
        struct ps_handle **at = &handles;
        while (*at != handle)
            at = &(*at)->next;
        *at = handle->next;
        /* a parent's connections are not the child's to close */
        if (handle->pid == sys_getpid())
            handle->backend->close(handle->opened);
        handle_free(handle);
    }
    pthread_mutex_unlock(&handles_lock);
    ps_guard_leave();
}

bool ps_handle_is_instant(const struct ps_handle *handle)
{
    const uint32_t flags = PS_BACKEND_INSTANT | PS_BACKEND_PARALLEL;

    return (handle->backend->flags & flags) == flags;
}

bool ps_handle_is_parallel(const struct ps_handle *handle)
{
    return handle->backend->flags & PS_BACKEND_PARALLEL;
}

struct ps_flow *ps_handle_flow(struct ps_handle *handle)
{
    return &handle->flow;
}

uint64_t ps_handle_deadline(const struct ps_handle *handle)
{
    return handle->deadline;
}

/* In the child of a fork the first use opens the backend again; what the parent opened is left
 * alone. */
static int begin(struct ps_handle *handle, struct ps_error *err)
{
    int result = 0;

    ps_guard_enter();
    /* what is instant is memory, of which a child has its own copy: nothing to open again */
    if (!ps_handle_is_instant(handle) && handle->pid != sys_getpid()) {
        pthread_mutex_lock(&handles_lock);
        if (handle->pid != sys_getpid()) {
            pthread_mutex_init(&handle->lock, NULL);
            result = open_backend(handle, err);
        }
        pthread_mutex_unlock(&handles_lock);
        if (result < 0) {
            ps_guard_leave();
            return result;
        }
    }
    if (!ps_handle_is_parallel(handle))
        pthread_mutex_lock(&handle->lock);
    return 0;
}

static int end(struct ps_handle *handle, int result)
{
    if (!ps_handle_is_parallel(handle))
        pthread_mutex_unlock(&handle->lock);
    ps_guard_leave();
    return result;
}

/* Of this thread's last read, as its backend says. */
static __thread size_t cached __attribute__((tls_model("initial-exec")));

PS_API void ps_backend_cached(size_t size)
{
    cached += size;
}

PS_API int ps_backend_cache_folder(const char **folder, uint64_t *limit, struct ps_error *err)
{
    const struct ps_config *config = ps_config_get(err);

    if (config == NULL)
        return err != NULL && err->code != 0 ? err->code : PS_E_INVALID;
    if (config->cache == NULL)
        return ps_error_set(err, PS_E_INVALID, 0, "PS_CACHE is not set");
    *folder = config->cache;
    *limit = config->cache_size;
    return 0;
}

/* Of what this thread is at; NULL: it has no deadline. */
static __thread struct {
    _Atomic uint64_t *clock;
    uint64_t deadline;
} limit __attribute__((tls_model("initial-exec")));

PS_API uint64_t ps_backend_deadline(void)
{
    uint64_t now;

    if (limit.clock == NULL)
        return UINT64_MAX;
    now = ps_run_ns();
    return atomic_load(limit.clock) + limit.deadline + (ps_now_ns() - now);
}

PS_API void ps_backend_moved(void)
{
    if (limit.clock != NULL)
        atomic_store(limit.clock, ps_run_ns());
}

size_t ps_handle_cached(void)
{
    return cached;
}

int ps_handle_stat(struct ps_handle *handle, const char *key, struct ps_object_info *info,
                   struct ps_error *err)
{
    _Atomic uint64_t clock = ps_run_ns();
    int result = begin(handle, err);

    if (result < 0)
        return result;
    ps_handle_limit(handle, &clock);
    result = end(handle, handle->backend->stat(handle->opened, key, info, err));
    limit.clock = NULL;
    return result;
}

int ps_handle_read(struct ps_handle *handle, const char *key, const struct ps_object_info *expected,
                   void *buffer, size_t size, uint64_t offset, struct ps_error *err)
{
    int result = begin(handle, err);

    cached = 0;
    if (result < 0)
        return result;
    return end(handle,
               handle->backend->read(handle->opened, key, expected, buffer, size, offset, err));
}

void ps_handle_limit(const struct ps_handle *handle, _Atomic uint64_t *clock)
{
    limit.clock = handle->deadline != 0 ? clock : NULL;
    limit.deadline = handle->deadline;
}

int ps_handle_descriptor(struct ps_handle *handle, const char *key,
                         const struct ps_object_info *expected, struct ps_error *err)
{
    int result;

    if (handle->backend->descriptor == NULL)
        return PS_E_UNSUPPORTED;
    result = begin(handle, err);
    if (result < 0)
        return result;
    return end(handle, handle->backend->descriptor(handle->opened, key, expected, err));
}

void ps_handle_distrust(struct ps_handle *handle, const char *key,
                        const struct ps_object_info *expected)
{
    if (handle->backend->distrust == NULL || begin(handle, NULL) < 0)
        return;
    handle->backend->distrust(handle->opened, key, expected);
    end(handle, 0);
}

bool ps_handle_has_parts(const struct ps_handle *handle)
{
    return handle->backend->parts != NULL && handle->backend->check != NULL;
}

int ps_handle_parts(struct ps_handle *handle, const char *key,
                    const struct ps_object_info *expected, uint64_t *size, struct ps_error *err)
{
    int result = begin(handle, err);

    if (result < 0)
        return result;
    return end(handle, handle->backend->parts(handle->opened, key, expected, size, err));
}

int ps_handle_check(struct ps_handle *handle, const char *key,
                    const struct ps_object_info *expected, uint64_t number, uint64_t offset,
                    const struct ps_content *content, struct ps_error *err)
{
    int result = begin(handle, err);

    if (result < 0)
        return result;
    return end(handle,
               handle->backend->check(handle->opened, key, expected, number, offset, content, err));
}

int ps_handle_put_content(struct ps_handle *handle, const char *key,
                          const struct ps_content *content, struct ps_object_info *info,
                          struct ps_error *err)
{
    int result;

    if (handle->backend->put == NULL)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "%s: this kind of store can only be read",
                            handle->backend->name);
    result = begin(handle, err);
    if (result < 0)
        return result;
    return end(handle, handle->backend->put(handle->opened, key, content, info, err));
}

int ps_handle_exists(struct ps_handle *handle, const char *key, struct ps_error *err)
{
    _Atomic uint64_t clock = ps_run_ns();
    struct ps_object_info info;
    struct ps_error missing = {0};
    int result;

    if (handle->backend->exists == NULL) {
        result = ps_handle_stat(handle, key, &info, &missing);
        if (result == 0)
            return 1;
        if (result == PS_E_NOT_FOUND)
            return 0;
        return ps_error_set(err, result, 0, "%s", missing.message);
    }
    result = begin(handle, err);
    if (result < 0)
        return result;
    ps_handle_limit(handle, &clock);
    result = end(handle, handle->backend->exists(handle->opened, key, err));
    limit.clock = NULL;
    return result;
}

int ps_handle_evict(struct ps_handle *handle, const char *key, struct ps_error *err)
{
    int result;

    if (handle->backend->evict == NULL)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "%s: objects can't be removed there",
                            handle->backend->name);
    result = begin(handle, err);
    if (result < 0)
        return result;
    return end(handle, handle->backend->evict(handle->opened, key, err));
}

int ps_handle_list(struct ps_handle *handle, ps_backend_each *each, void *context,
                   struct ps_error *err)
{
    int result;

    if (handle->backend->list == NULL)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "%s: objects can't be listed there",
                            handle->backend->name);
    result = begin(handle, err);
    if (result < 0)
        return result;
    return end(handle, handle->backend->list(handle->opened, each, context, err));
}

/*
 * wrap.h: the backend behind a wrapper, for modules that stand before another
 *
 * Included once by the one file of such a module.
 */
#ifndef PS_WRAP_H
#define PS_WRAP_H

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ps/backend.h>

#include "../module.h"

/* The URL may be a stranger's: what a wrapper may make its reader wait for a request, in ns. */
#define WRAP_LONGEST (UINT64_C(60) * 1000000000)

struct wrap {
    const struct ps_backend *backend;
    void *handle;
    pthread_mutex_t lock; /* protects handle, if its backend can't run in parallel */
};

/* wrap_sleep_until: when is a time of module_now */
static inline void wrap_sleep_until(uint64_t when)
{
    struct timespec time = {.tv_sec = (time_t)(when / 1000000000),
                            .tv_nsec = (long)(when % 1000000000)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
        ;
}

/* wrap_hand_on: what failed with result is told to the caller, unless that has an error already */
static inline int wrap_hand_on(struct ps_error *err, const struct ps_error *own, int result)
{
    if (err != NULL && err->code == 0)
        *err = *own;
    return result;
}

/*
 * wrap_open: open what follows the wrapper's own "name+"
 *
 * url has the wrapper's options taken out already.
 */
/* No message quotes the URL: a password may have been put into it for the backend. */
static int wrap_open(struct wrap *wrap, const char *url, struct ps_error *err)
{
    const char *inner = url + strcspn(url, "+:/?");
    size_t name = (size_t)(inner - url);

    if (*inner != '+')
        return ps_error_set(err, PS_E_INVALID, 0, "no URL behind the wrapper %.*s", (int)name, url);
    /* a hundred of them would wait a hundred times as long */
    for (const char *at = inner + 1, *end; *(end = at + strcspn(at, "+:/?")) == '+'; at = end + 1)
        if ((size_t)(end - at) == name && memcmp(at, url, name) == 0)
            return ps_error_set(err, PS_E_INVALID, 0, "the wrapper %.*s stands twice in a URL",
                                (int)name, url);
    pthread_mutex_init(&wrap->lock, NULL);
    return ps_backend_open(&wrap->backend, &wrap->handle, inner + 1, err);
}

static void wrap_close(struct wrap *wrap)
{
    wrap->backend->close(wrap->handle);
    pthread_mutex_destroy(&wrap->lock);
}

static void wrap_enter(struct wrap *wrap)
{
    if (!(wrap->backend->flags & PS_BACKEND_PARALLEL))
        pthread_mutex_lock(&wrap->lock);
}

static int wrap_leave(struct wrap *wrap, int result)
{
    if (!(wrap->backend->flags & PS_BACKEND_PARALLEL))
        pthread_mutex_unlock(&wrap->lock);
    return result;
}

static int wrap_stat(struct wrap *wrap, const char *key, struct ps_object_info *info,
                     struct ps_error *err)
{
    wrap_enter(wrap);
    return wrap_leave(wrap, wrap->backend->stat(wrap->handle, key, info, err));
}

static int wrap_read(struct wrap *wrap, const char *key, const struct ps_object_info *expected,
                     void *buffer, size_t size, uint64_t offset, struct ps_error *err)
{
    wrap_enter(wrap);
    return wrap_leave(wrap,
                      wrap->backend->read(wrap->handle, key, expected, buffer, size, offset, err));
}

static int wrap_put(struct wrap *wrap, const char *key, const struct ps_content *content,
                    struct ps_object_info *info, struct ps_error *err)
{
    if (wrap->backend->put == NULL)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "backend %s can't store objects",
                            wrap->backend->name);
    wrap_enter(wrap);
    return wrap_leave(wrap, wrap->backend->put(wrap->handle, key, content, info, err));
}

static int wrap_exists(struct wrap *wrap, const char *key, struct ps_error *err)
{
    struct ps_object_info info;
    struct ps_error own = {0};
    int result;

    wrap_enter(wrap);
    if (wrap->backend->exists != NULL)
        return wrap_leave(wrap, wrap->backend->exists(wrap->handle, key, err));
    result = wrap_leave(wrap, wrap->backend->stat(wrap->handle, key, &info, &own));
    if (result == 0 || result == PS_E_NOT_FOUND)
        return result == 0;
    return wrap_hand_on(err, &own, result);
}

static int wrap_evict(struct wrap *wrap, const char *key, struct ps_error *err)
{
    if (wrap->backend->evict == NULL)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "backend %s can't evict objects",
                            wrap->backend->name);
    wrap_enter(wrap);
    return wrap_leave(wrap, wrap->backend->evict(wrap->handle, key, err));
}

static int wrap_list(struct wrap *wrap, ps_backend_each *each, void *context, struct ps_error *err)
{
    if (wrap->backend->list == NULL)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "backend %s can't list objects",
                            wrap->backend->name);
    wrap_enter(wrap);
    return wrap_leave(wrap, wrap->backend->list(wrap->handle, each, context, err));
}

/* wrap_descriptor: for wrappers that do not change what a read gives, nor when */
static inline int wrap_descriptor(struct wrap *wrap, const char *key,
                                  const struct ps_object_info *expected, struct ps_error *err)
{
    if (wrap->backend->descriptor == NULL)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "backend %s has no descriptors",
                            wrap->backend->name);
    wrap_enter(wrap);
    return wrap_leave(wrap, wrap->backend->descriptor(wrap->handle, key, expected, err));
}

/* --- for vtables of wrappers: struct wrap is the first member of their handle -------------- */

static inline void wrap_forget(void *handle)
{
    const struct wrap *wrap = handle;

    if (wrap->backend->forget != NULL)
        wrap->backend->forget(wrap->handle);
}

static inline void wrap_distrust(void *handle, const char *key,
                                 const struct ps_object_info *expected)
{
    struct wrap *wrap = handle;

    if (wrap->backend->distrust == NULL)
        return;
    wrap_enter(wrap);
    wrap->backend->distrust(wrap->handle, key, expected);
    wrap_leave(wrap, 0);
}

static inline int wrap_parts(void *handle, const char *key, const struct ps_object_info *expected,
                             uint64_t *size, struct ps_error *err)
{
    struct wrap *wrap = handle;

    if (wrap->backend->parts == NULL || wrap->backend->check == NULL)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "backend %s has no sums of parts",
                            wrap->backend->name);
    wrap_enter(wrap);
    return wrap_leave(wrap, wrap->backend->parts(wrap->handle, key, expected, size, err));
}

static inline int wrap_check(void *handle, const char *key, const struct ps_object_info *expected,
                             uint64_t number, uint64_t offset, const struct ps_content *content,
                             struct ps_error *err)
{
    struct wrap *wrap = handle;

    wrap_enter(wrap);
    return wrap_leave(
        wrap, wrap->backend->check(wrap->handle, key, expected, number, offset, content, err));
}

static inline const char *wrap_place(void *handle)
{
    const struct wrap *wrap = handle;

    return wrap->backend->place != NULL ? wrap->backend->place(wrap->handle) : NULL;
}

#endif

/* backend_registry.c: see backend_registry.h */
#include "backend_registry.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hold.h"
#include "module.h"

extern const struct ps_backend ps_backend_file;
extern const struct ps_backend ps_backend_memory;

static const struct ps_backend *const builtin[] = {&ps_backend_file, &ps_backend_memory};

enum { SCHEME_MAX = 64 };

/*
 * Modules that were loaded. Entries are only ever added at the head, and never
 * change, so readers need no lock. There is none for writers either: a lock
 * that another thread holds during a fork stays held in the child for ever.
 * Two threads that load one module at once get the same one from dlopen.
 */
struct module {
    struct ps_backend backend;
    struct module *next;
};

static _Atomic(struct module *) modules;

/* Is scheme one of the space-separated schemes of the backend? */
static bool serves(const struct ps_backend *backend, const char *scheme)
{
    size_t length = strlen(scheme);
    const char *at = backend->schemes;

    while (*(at += strspn(at, " ")) != '\0') {
        size_t word = strcspn(at, " ");

        if (word == length && memcmp(at, scheme, length) == 0)
            return true;
        at += word;
    }
    return false;
}

static const struct ps_backend *find_known(const char *scheme)
{
    for (size_t i = 0; i < sizeof(builtin) / sizeof(builtin[0]); i++)
        if (serves(builtin[i], scheme))
            return builtin[i];
    for (const struct module *module = atomic_load(&modules); module != NULL; module = module->next)
        if (serves(&module->backend, scheme))
            return &module->backend;
    return NULL;
}

/*
 * The scheme becomes part of a file's name, and comes from a proxy: nothing
 * but these characters, and above all no slash. Fills *after with what ended it.
 */
static int read_scheme(char *scheme, char *after, const char *url, struct ps_error *err)
{
    size_t length = strcspn(url, "+:");

    *after = url[length];
    if (*after == '\0' || length == 0)
        return ps_error_set(err, PS_E_INVALID, 0, "no \"scheme://\" where a URL begins");
    if (length >= SCHEME_MAX || url[0] < 'a' || url[0] > 'z' ||
        strspn(url, "abcdefghijklmnopqrstuvwxyz0123456789.-") != length)
        return ps_error_set(err, PS_E_INVALID, 0, "'%.*s' can't be a scheme",
                            (int)(length < 100 ? length : 100), url);
    if (*after == ':' && strncmp(url + length, "://", 3) != 0)
        return ps_error_set(err, PS_E_INVALID, 0, "no \"://\" after scheme '%.*s'", (int)length,
                            url);
    memcpy(scheme, url, length);
    scheme[length] = '\0';
    return 0;
}

static int find_module(char *path, size_t size, const char *scheme, struct ps_error *err)
{
    char file[SCHEME_MAX + 32];
    int result;

    snprintf(file, sizeof(file), "libps-backend-%s.so", scheme);
    result = ps_module_path(path, size, file, err);
    if (result == 0 && access(path, F_OK) < 0)
        result = ps_error_set(err, PS_E_UNSUPPORTED, 0,
                              "unknown scheme '%s': it is not built in, and there is no %s", scheme,
                              path);
    return result;
}

/* Copies what the module has of the struct; what it is too old for becomes NULL. */
static int adopt(struct ps_backend *copy, const struct ps_backend *theirs, const char *path,
                 struct ps_error *err)
{
    size_t least = offsetof(struct ps_backend, put);

    if (theirs == NULL || theirs->struct_size < least || theirs->api_version != PS_BACKEND_API)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0,
                            "backend %s was not made for this libps (backend API %d)", path,
                            PS_BACKEND_API);
    memset(copy, 0, sizeof(*copy));
    memcpy(copy, theirs, theirs->struct_size < sizeof(*copy) ? theirs->struct_size : sizeof(*copy));
    if (copy->name == NULL || copy->schemes == NULL || copy->open == NULL || copy->close == NULL ||
        copy->stat == NULL || copy->read == NULL)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "backend %s lacks a required function", path);
    return 0;
}

static int load(const struct ps_backend **out, const char *scheme, struct ps_error *err)
{
    const struct ps_backend *(*init)(uint32_t);
    char path[PATH_MAX];
    struct module *module;
    void *library;
    int result = find_module(path, sizeof(path), scheme, err);

    if (result < 0)
        return result;
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        const char *why = dlerror();

        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "no backend for scheme '%s': %s", scheme,
                            why ? why : path);
    }
    *(void **)&init = dlsym(library, "ps_backend_init");
    if (init == NULL)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "%s is no backend: no ps_backend_init", path);
    module = calloc(1, sizeof(*module));
    if (module == NULL)
        return ps_error_set(err, PS_E_NOMEM, errno, "loading backend '%s'", scheme);
    result = adopt(&module->backend, init(PS_BACKEND_API), path, err);
    if (result == 0 && !serves(&module->backend, scheme))
        result = ps_error_set(err, PS_E_UNSUPPORTED, 0, "backend %s does not serve scheme '%s'",
                              path, scheme);
    if (result < 0) {
        free(module); /* the library stays: its threads or hooks may already run */
        return result;
    }
    module->next = atomic_load(&modules);
    while (!atomic_compare_exchange_weak(&modules, &module->next, module))
        ;
    *out = &module->backend;
    return 0;
}

int ps_backend_find(const struct ps_backend **out, const char *url, struct ps_error *err)
{
    const struct ps_backend *found;
    char scheme[SCHEME_MAX];
    char after;
    int result = read_scheme(scheme, &after, url, err);

    if (result < 0)
        return result;
    found = find_known(scheme);
    if (found == NULL)
        result = load(&found, scheme, err);
    if (result < 0)
        return result;
    if ((after == '+') != ((found->flags & PS_BACKEND_WRAPPER) != 0))
        return ps_error_set(err, PS_E_INVALID, 0,
                            after == '+' ? "'%s' is no wrapper: nothing can follow \"%s+\""
                                         : "'%s' is a wrapper: write \"%s+\" before another URL",
                            scheme, scheme);
    *out = found;
    return 0;
}

bool ps_backend_may_be(const char *url)
{
    char scheme[SCHEME_MAX], path[PATH_MAX], after = '+';

    for (; after == '+'; url += strlen(scheme) + 1)
        if (read_scheme(scheme, &after, url, NULL) < 0 ||
            (find_known(scheme) == NULL && find_module(path, sizeof(path), scheme, NULL) < 0))
            return false;
    return true;
}

PS_API int ps_backend_open(const struct ps_backend **backend, void **handle, const char *url,
                           struct ps_error *err)
{
    int result = ps_backend_find(backend, url, err);

    return result < 0 ? result : (*backend)->open(handle, url, err);
}

static __thread uint64_t retry_after __attribute__((tls_model("initial-exec")));

PS_API void ps_backend_retry_after(uint64_t ns)
{
    retry_after = ns;
}

PS_API uint64_t ps_backend_take_retry_after(void)
{
    uint64_t ns = retry_after;

    retry_after = 0;
    return ns;
}

PS_API int ps_backend_hold(int fd, struct ps_error *err)
{
    int held = ps_hold(fd, false);

    return held >= 0 ? held : ps_error_set(err, PS_E_NOMEM, -held, "no number for a descriptor");
}

PS_API void ps_backend_unhold(int fd)
{
    ps_unhold(fd);
}

/* store.c: the public functions on stores; see include/ps/ps.h */
#include <ps/ps.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "config.h"
#include "content.h"
#include "handle.h"
#include "map.h"
#include "object.h"
#include "proxy_parse.h"
#include "url.h"
#include "work.h"

struct ps_store {
    struct ps_handle *handle;
    char url[PS_URI_MAX];
    char name[PS_STORE_NAME_MAX]; /* "" when it was opened by URL */
};

PS_API const char *ps_version(void)
{
    return PS_VERSION_TEXT;
}

/*
 * One call of the functions below. They run on a worker (ps_work_call); what
 * they give out is copied by the caller's thread, as it may go to lazy memory.
 */
struct job {
    struct ps_call call;
    struct ps_store *store;
    const char *text; /* the key, or what to open */
    const struct ps_content *content;
    void *data;
    size_t size;
    struct ps_proxy proxy;
    struct ps_error error;
};

static int run(struct job *job, int (*function)(struct ps_call *), struct ps_error *err)
{
    int result = ps_work_call(&job->call, function, &job->error);

    if (result < 0 && err != NULL)
        *err = job->error;
    return result;
}

static int open_job(struct ps_call *call)
{
    struct job *job = (struct job *)call;
    const struct ps_config *config = ps_config_get(&job->error);
    struct ps_store *store;
    int result;

    if (config == NULL)
        return job->error.code;
    store = calloc(1, sizeof(*store));
    if (store == NULL)
        return ps_error_set(&job->error, PS_E_NOMEM, 0, "no memory for a store");
    result = ps_config_store_url(config, job->text, store->url, sizeof(store->url), store->name,
                                 sizeof(store->name), &job->error);
    if (result == 0)
        result = ps_handle_get(&store->handle, store->url, &job->error);
    if (result < 0)
        free(store);
    else
        job->store = store;
    return result;
}

PS_API int ps_store_open(struct ps_store **out, const char *name_or_url, struct ps_error *err)
{
    struct job job = {.text = name_or_url};
    int result;

    ps_error_clear(err);
    result = run(&job, open_job, err);
    *out = job.store;
    return result;
}

static int close_job(struct ps_call *call)
{
    ps_handle_put(((struct job *)call)->store->handle);
    return 0;
}

PS_API void ps_store_close(struct ps_store *store)
{
    struct job job = {.store = store};

    if (store == NULL)
        return;
    run(&job, close_job, NULL);
    free(store);
}

/*
 * user:password@host becomes user@host: a proxy is copied and mailed. Who
 * resolves it has the password in a store of his own.
 */
static void drop_password(char *url)
{
    char *user = strstr(url, "://"), *host, *end;

    if (user == NULL)
        return;
    user += 3;
    host = memrchr(user, '@', strcspn(user, "/?"));
    for (end = user; host != NULL && end < host; end++)
        if (*end == ':' || strncasecmp(end, "%3a", 3) == 0)
            break;
    if (host == NULL || end == host)
        return;
    if (end == user) /* no name either */
        host++;
    memmove(end, host, strlen(host) + 1);
}

static int make_proxy(const struct ps_store *store, const char *key,
                      const struct ps_object_info *info, struct ps_proxy *proxy,
                      struct ps_error *err)
{
    int result;

    memset(proxy, 0, sizeof(*proxy));
    memcpy(proxy->version, info->version, sizeof(proxy->version));
    memcpy(proxy->store, store->name, sizeof(proxy->store));
    proxy->size = info->size;
    proxy->has_size = 1;
    result = ps_url_join(proxy->object, sizeof(proxy->object), store->url, key, err);
    if (result == 0)
        drop_password(proxy->object);
    return result;
}

/* A new key: a random UUID (RFC 9562, version 4), the form that Python's ProxyStore uses. */
enum { KEY_SIZE = 37 };

static void new_key(char key[KEY_SIZE])
{
    unsigned char b[16] = {0};

    sys_getrandom(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(key, KEY_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
}

static int put_job(struct ps_call *call)
{
    struct job *job = (struct job *)call;
    struct ps_object_info info = {0};
    int result =
        ps_handle_put_content(job->store->handle, job->text, job->content, &info, &job->error);

    return result < 0 ? result : make_proxy(job->store, job->text, &info, &job->proxy, &job->error);
}

static int evict_job(struct ps_call *call)
{
    struct job *job = (struct job *)call;

    return ps_handle_evict(job->store->handle, job->text, &job->error);
}

/* key NULL: a new one */
static int put(struct ps_store *store, const char *key, const struct ps_content *content,
               struct ps_proxy *proxy, struct ps_error *err)
{
    struct ps_watched_content watched = ps_content_watched(content);
    char fresh[KEY_SIZE];
    struct job job = {.store = store, .text = key, .content = &watched.content};
    int result;

    if (key == NULL) {
        new_key(fresh);
        job.text = fresh;
    }
    result = run(&job, put_job, err);
    if (result == 0 && proxy != NULL)
        *proxy = job.proxy;
    /* nobody will ever name what a server has, by now, of a put whose answer was not awaited */
    if (result < 0 && key == NULL && job.error.sys_errno == ECANCELED)
        run(&job, evict_job, NULL);
    return result;
}

PS_API int ps_store_put(struct ps_store *store, const char *key, const void *data, size_t size,
                        struct ps_proxy *proxy, struct ps_error *err)
{
    struct ps_memory_content memory = ps_content_of_memory(data, size);
    int result;

    ps_error_clear(err);
    /* data may be a lazy map: a backend must not be the first to touch it */
    result = ps_map_resolve_buffer(data, size, NULL, err);
    if (result < 0)
        return result;
    return put(store, key, &memory.content, proxy, err);
}

PS_API int ps_store_put_file(struct ps_store *store, const char *key, const char *path,
                             struct ps_proxy *proxy, struct ps_error *err)
{
    struct ps_file_content file;
    int result;

    ps_error_clear(err);
    result = ps_content_of_file(&file, path, err);
    if (result < 0)
        return result;
    result = put(store, key, &file.content, proxy, err);
    sys_close(file.fd);
    return result;
}

PS_API int ps_store_copy(struct ps_store *store, const char *key, const char *from,
                         struct ps_proxy *proxy, struct ps_error *err)
{
    struct ps_object_content object;
    struct ps_image *image;
    struct ps_error own = {0};
    struct ps_proxy copy;
    int result = ps_object_open_text(&image, from, &own);

    ps_error_clear(err);
    if (result < 0)
        return ps_error_set(err, result, 0, "%s", own.message);
    object = ps_content_of_object(image);
    if (image->handle == store->handle && !ps_handle_is_parallel(store->handle))
        result = ps_error_set(err, PS_E_UNSUPPORTED, 0,
                              "this kind of store can't be read while it is written");
    else
        result = put(store, key, &object.content, &copy, err);
    if (result == 0 && !ps_proxy_is_part(image->proxy))
        memcpy(copy.digest, image->proxy->digest, sizeof(copy.digest));
    if (result == 0 && proxy != NULL)
        *proxy = copy;
    ps_image_put(image);
    return result;
}

static int get_job(struct ps_call *call)
{
    struct job *job = (struct job *)call;
    struct ps_object_info info;
    int result = ps_handle_stat(job->store->handle, job->text, &info, &job->error);

    if (result < 0)
        return result;
    if (info.size > SIZE_MAX / 2 || (job->data = malloc(info.size ? (size_t)info.size : 1)) == NULL)
        return ps_error_set(&job->error, PS_E_NOMEM, 0, "no memory for an object of %llu bytes",
                            (unsigned long long)info.size);
    if (info.size > 0)
        result = ps_handle_read(job->store->handle, job->text, &info, job->data, (size_t)info.size,
                                0, &job->error);
    if (result < 0) {
        free(job->data);
        job->data = NULL;
        return result;
    }
    job->size = (size_t)info.size;
    return 0;
}

PS_API int ps_store_get(struct ps_store *store, const char *key, void **data, size_t *size,
                        struct ps_error *err)
{
    struct job job = {.store = store, .text = key};
    int result;

    ps_error_clear(err);
    result = run(&job, get_job, err);
    *data = job.data;
    *size = job.size;
    return result;
}

static int exists_job(struct ps_call *call)
{
    struct job *job = (struct job *)call;

    return ps_handle_exists(job->store->handle, job->text, &job->error);
}

PS_API int ps_store_exists(struct ps_store *store, const char *key, struct ps_error *err)
{
    struct job job = {.store = store, .text = key};

    ps_error_clear(err);
    return run(&job, exists_job, err);
}

PS_API int ps_store_evict(struct ps_store *store, const char *key, struct ps_error *err)
{
    struct job job = {.store = store, .text = key};

    ps_error_clear(err);
    return run(&job, evict_job, err);
}

static int proxy_job(struct ps_call *call)
{
    struct job *job = (struct job *)call;
    struct ps_object_info info;
    int result = ps_handle_stat(job->store->handle, job->text, &info, &job->error);

    return result < 0 ? result : make_proxy(job->store, job->text, &info, &job->proxy, &job->error);
}

PS_API int ps_store_proxy(struct ps_store *store, const char *key, struct ps_proxy *proxy,
                          struct ps_error *err)
{
    struct job job = {.store = store, .text = key};
    int result;

    ps_error_clear(err);
    result = run(&job, proxy_job, err);
    if (result == 0)
        *proxy = job.proxy;
    return result;
}

/* Who is told of a store's objects, as proxies. */
struct listing {
    struct job *job;
    ps_store_each *each;
    void *context;
};

static int tell(void *context, const char *key, const struct ps_object_info *info)
{
    struct listing *listing = context;
    struct job *job = listing->job;
    int result = make_proxy(job->store, key, info, &job->proxy, &job->error);

    return result < 0 ? result : listing->each(listing->context, key, &job->proxy);
}

static int list_job(struct ps_call *call)
{
    struct job *job = (struct job *)call;

    return ps_handle_list(job->store->handle, tell, job->data, &job->error);
}

PS_API int ps_store_list(struct ps_store *store, ps_store_each *each, void *context,
                         struct ps_error *err)
{
    struct listing listing = {NULL, each, context};
    struct job job = {.store = store, .data = &listing};

    listing.job = &job;
    ps_error_clear(err);
    return run(&job, list_job, err);
}

/*
 * cache.c: bytes that were fetched once stay on this machine
 *
 * cache+<URL>. Libps puts it before stores behind a network when PS_CACHE names
 * a folder. All processes of a user share the folder: of several that want the
 * same pages one fetches them, and a later program fetches nothing. What can't
 * be cached (an object without a version, a part that begins within a page, no
 * room) is fetched as if the cache were not there.
 */
#include "cache.h"

#include "../wrap/wrap.h"

struct cache {
    struct wrap wrap;
    char *
        store; /* its URL without the wrappers, with others the bytes are the same; and its place */
    struct cache_room room;
    _Atomic uint64_t alone; /* until this time (module_now) no other process is waited for */
    pthread_mutex_t lock;   /* protects files */
    struct cache_file files[CACHE_KEPT];
};

/* A read, or a part of it in one group. */
struct piece {
    struct cache *cache;
    struct cache_place at;
    const char *key;
    const struct ps_object_info *expected;
    char *buffer;
    size_t size;
    uint64_t first; /* page */
};

/* --- the files that are open ---------------------------------------------------------- */

/* A place for another file: an empty one, or that of the file unused longest; NULL: none. */
static struct cache_file *find_place(struct cache *cache)
{
    struct cache_file *place = NULL;

    for (int i = 0; i < CACHE_KEPT; i++)
        if (cache->files[i].users == 0 && (place == NULL || cache->files[i].last < place->last))
            place = &cache->files[i];
    if (place != NULL)
        cache_fd_close(&place->fd);
    return place;
}

static bool is_of(const struct cache_file *file, const char *key,
                  const struct ps_object_info *expected)
{
    return file->key != NULL && strcmp(file->key, key) == 0 &&
           file->expected.size == expected->size &&
           strcmp(file->expected.version, expected->version) == 0;
}

/* The object's file, opened in the place of another one; NULL where it can't be. */
static struct cache_file *cache_open_file(struct cache *cache, const char *key,
                                          const struct ps_object_info *expected)
{
    char name[CACHE_NAME];
    struct cache_file *file = NULL;

    if (cache_name(name, cache->store, key, expected))
        file = find_place(cache);
    if (file == NULL)
        return NULL;
    free(file->key);
    file->key = strdup(key);
    file->expected = *expected;
    memcpy(file->name, name, sizeof(name));
    cache_file_open(file, &cache->room);
    return file->fd.fd >= 0 ? file : NULL;
}

/* The object's file, for cache_give; NULL where it can't be cached now. */
static struct cache_file *cache_take(struct cache *cache, const char *key,
                                     const struct ps_object_info *expected)
{
    struct cache_file *file = NULL;

    if (expected->version[0] == '\0' || !cache_tree_is_shared(&cache->room))
        return NULL;
    pthread_mutex_lock(&cache->lock);
    for (int i = 0; i < CACHE_KEPT && file == NULL; i++)
        if (is_of(&cache->files[i], key, expected) && cache_fd_is_ours(&cache->files[i].fd))
            file = &cache->files[i];
    /* what nobody finds any more is nobody's to share, and not counted */
    if (file != NULL && file->users == 0 && !cache_file_join(file)) {
        cache_fd_close(&file->fd);
        file = NULL;
    }
    if (file == NULL)
        file = cache_open_file(cache, key, expected);
    if (file != NULL)
        file->users++;
    pthread_mutex_unlock(&cache->lock);
    return file;
}

static void cache_give(struct cache *cache, struct cache_file *file)
{
    pthread_mutex_lock(&cache->lock);
    if (--file->users == 0)
        cache_file_leave(file); /* who has it open and idle keeps nobody from removing it */
    file->last = module_now();
    pthread_mutex_unlock(&cache->lock);
}

/* --- reading ---------------------------------------------------------------------------- */

static size_t pages_of(size_t size)
{
    return (size + CACHE_PAGE - 1) / CACHE_PAGE;
}

static struct piece part_of(const struct piece *piece, size_t page, size_t pages)
{
    struct piece part = *piece;
    size_t from = page * CACHE_PAGE, size = pages * CACHE_PAGE;

    part.first += page;
    part.buffer += from;
    part.size = size < piece->size - from ? size : piece->size - from;
    return part;
}

static void keep(const struct piece *piece)
{
    struct cache_room *room = &piece->cache->room;

    if (!cache_room_for(room, piece->size))
        return;
    if (cache_file_write(piece->at, piece->first, piece->buffer, piece->size) != 0)
        cache_room_is_full(room);
    cache_room_done(room, piece->size);
}

static int fetch(const struct piece *piece, struct ps_error *err)
{
    int result = wrap_read(&piece->cache->wrap, piece->key, piece->expected, piece->buffer,
                           piece->size, piece->first * CACHE_PAGE, err);

    if (result == 0)
        keep(piece);
    return result;
}

/* Pages of one group, by runs of those that are there and those that are not. */
static int read_runs(const struct piece *piece, const uint64_t *sums, struct ps_error *err)
{
    size_t pages = pages_of(piece->size);
    int result = 0;

    for (size_t page = 0, run; page < pages && result == 0; page += run) {
        struct piece part;

        for (run = 1; page + run < pages && (sums[page + run] == 0) == (sums[page] == 0);)
            run++;
        part = part_of(piece, page, run);
        if (sums[page] != 0 &&
            cache_file_read(part.at, part.first, part.buffer, part.size, sums + page))
            ps_backend_cached(part.size);
        else
            result = fetch(&part, err);
    }
    return result;
}

static bool are_there(const uint64_t *sums, size_t pages)
{
    for (size_t page = 0; page < pages; page++)
        if (sums[page] == 0)
            return false;
    return true;
}

static int read_group(const struct piece *piece, struct ps_error *err)
{
    uint64_t sums[CACHE_GROUP];
    size_t pages = pages_of(piece->size);
    bool locked;
    int result;

    cache_file_sums(piece->at, piece->first, pages, sums);
    if (are_there(sums, pages))
        return read_runs(piece, sums, err);
    /* who waited for another process finds its pages here */
    locked = cache_file_lock(piece->at, piece->first, pages, &piece->cache->alone);
    cache_file_sums(piece->at, piece->first, pages, sums);
    result = read_runs(piece, sums, err);
    if (locked)
        cache_file_unlock(piece->at, piece->first, pages);
    return result;
}

static int read_pieces(const struct piece *piece, struct ps_error *err)
{
    size_t pages = pages_of(piece->size);
    int result = 0;

    for (size_t page = 0, count; page < pages && result == 0; page += count) {
        struct piece part;

        count = CACHE_GROUP - (piece->first + page) % CACHE_GROUP;
        if (count > pages - page)
            count = pages - page;
        part = part_of(piece, page, count);
        result = read_group(&part, err);
    }
    return result;
}

/* In a tree's file the next object begins where the room of this one ends. */
static bool has_room(const struct cache *cache, size_t size, uint64_t offset)
{
    return !cache->room.is_tree || (offset < CACHE_LARGEST && size < CACHE_LARGEST - offset);
}

static int cache_read(void *handle, const char *key, const struct ps_object_info *expected,
                      void *buffer, size_t size, uint64_t offset, struct ps_error *err)
{
    struct cache *cache = handle;
    struct cache_file *file = NULL;
    int result;

    /* whole pages, of which the object's last one may be short */
    if (size > 0 && offset % CACHE_PAGE == 0 && has_room(cache, size, offset) &&
        (size % CACHE_PAGE == 0 || offset + size == expected->size))
        file = cache_take(cache, key, expected);
    if (file == NULL)
        return wrap_read(&cache->wrap, key, expected, buffer, size, offset, err);
    result = read_pieces(&(struct piece){cache, cache_place_of(file), key, expected, buffer, size,
                                         offset / CACHE_PAGE},
                         err);
    cache_give(cache, file);
    return result;
}

/* --- the rest --------------------------------------------------------------------------- */

static void cache_free(struct cache *cache)
{
    pthread_mutex_destroy(&cache->lock);
    pthread_mutex_destroy(&cache->room.look);
    for (int i = 0; i < CACHE_KEPT; i++)
        free(cache->files[i].key);
    free(cache->store);
    free(cache);
}

static int name_store(struct cache *cache, const char *url, struct ps_error *err)
{
    const char *place = wrap_place(cache);

    for (size_t at; url[at = strcspn(url, "+:/?")] == '+';)
        url += at + 1;
    if (asprintf(&cache->store, "%s\n%s", url, place != NULL ? place : "") >= 0)
        return 0;
    cache->store = NULL;
    return ps_error_set(err, PS_E_NOMEM, ENOMEM, "opening a cache+ store");
}

static int cache_open(void **handle, const char *url, struct ps_error *err)
{
    struct cache *cache = calloc(1, sizeof(*cache));
    int result;

    if (cache == NULL)
        return ps_error_set(err, PS_E_NOMEM, ENOMEM, "opening a cache+ store");
    for (int i = 0; i < CACHE_KEPT; i++)
        cache->files[i].fd.fd = -1;
    pthread_mutex_init(&cache->lock, NULL);
    result = cache_room_open(&cache->room, err);
    if (result < 0)
        goto no_room;
    result = wrap_open(&cache->wrap, url, err);
    if (result < 0)
        goto no_store;
    result = name_store(cache, url, err);
    if (result < 0)
        goto no_name;
    *handle = cache;
    return 0;
no_name:
    wrap_close(&cache->wrap);
no_store:
    cache_room_close(&cache->room);
no_room:
    cache_free(cache);
    return result;
}

static void cache_close(void *handle)
{
    struct cache *cache = handle;

    wrap_close(&cache->wrap);
    for (int i = 0; i < CACHE_KEPT; i++)
        cache_fd_close(&cache->files[i].fd);
    cache_room_close(&cache->room);
    cache_free(cache);
}

static void cache_distrust(void *handle, const char *key, const struct ps_object_info *expected)
{
    struct cache *cache = handle;
    char name[CACHE_NAME];

    if (cache_name(name, cache->store, key, expected))
        cache_room_remove(&cache->room, name);
    wrap_distrust(handle, key, expected);
}

/* A lock belongs to all who have the descriptor: a child's would outlive who fetches. */
static void cache_forget(void *handle)
{
    struct cache *cache = handle;

    for (int i = 0; i < CACHE_KEPT; i++)
        cache_fd_close(&cache->files[i].fd);
    cache_room_close(&cache->room);
    wrap_forget(handle);
}

static int cache_stat(void *handle, const char *key, struct ps_object_info *info,
                      struct ps_error *err)
{
    return wrap_stat(&((struct cache *)handle)->wrap, key, info, err);
}

static int cache_put(void *handle, const char *key, const struct ps_content *content,
                     struct ps_object_info *info, struct ps_error *err)
{
    return wrap_put(&((struct cache *)handle)->wrap, key, content, info, err);
}

static int cache_exists(void *handle, const char *key, struct ps_error *err)
{
    return wrap_exists(&((struct cache *)handle)->wrap, key, err);
}

static int cache_evict(void *handle, const char *key, struct ps_error *err)
{
    return wrap_evict(&((struct cache *)handle)->wrap, key, err);
}

static int cache_list(void *handle, ps_backend_each *each, void *context, struct ps_error *err)
{
    return wrap_list(&((struct cache *)handle)->wrap, each, context, err);
}

static const struct ps_backend backend = {
    .struct_size = sizeof(struct ps_backend),
    .api_version = PS_BACKEND_API,
    .flags = PS_BACKEND_PARALLEL | PS_BACKEND_WRAPPER,
    .name = "cache",
    .schemes = "cache",
    .help = "",
    .open = cache_open,
    .close = cache_close,
    .stat = cache_stat,
    .read = cache_read,
    .put = cache_put,
    .exists = cache_exists,
    .evict = cache_evict,
    .list = cache_list,
    .forget = cache_forget,
    .distrust = cache_distrust,
    .parts = wrap_parts,
    .check = wrap_check,
};

PS_API const struct ps_backend *ps_backend_init(uint32_t api_version)
{
    return api_version == PS_BACKEND_API ? &backend : NULL;
}

/* object.c: the list of images, and how one gets on it and off it; see object.h */
#include "object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hold.h"
#include "base/leak.h"
#include "base/lock.h"
#include "base/sys.h"
#include "config.h"
#include "digest.h"
#include "fetch.h"
#include "handle.h"
#include "join.h"
#include "learn.h"
#include "memory.h"
#include "parts.h"
#include "pin.h"
#include "profile.h"
#include "proxy_parse.h"
#include "release.h"
#include "stats.h"
#include "trust.h"
#include "url.h"
#include "work.h"

/* Protects which slots are taken, that an object gets one image only, and the images' names. */
struct ps_lock ps_objects_lock = PS_LOCK(PS_RANK_OBJECTS);
static _Atomic uint32_t used; /* slots that were ever taken */

uint32_t ps_object_slots(void)
{
    return atomic_load_explicit(&used, memory_order_acquire);
}

bool ps_object_any_lazy(void)
{
    uint32_t slots = ps_object_slots();
    bool found = false;

    for (uint32_t i = 0; i < slots && !found; i++)
        if (ps_image_get(&ps_images[i])) {
            found = ps_images[i].table != NULL;
            ps_image_put(&ps_images[i]);
        }
    return found;
}

struct ps_image *ps_image_find(uint64_t device, uint64_t inode, uint32_t hint)
{
    uint32_t slots = ps_object_slots();

    for (uint32_t i = 0; i <= slots; i++) {
        uint32_t index = i == 0 ? hint : i - 1; /* the hint first, then all */
        struct ps_image *image;

        if (index >= slots)
            continue;
        image = &ps_images[index];
        if (atomic_load_explicit(&image->inode, memory_order_acquire) != inode ||
            image->device != device || !ps_image_get(image))
            continue;
        if (atomic_load(&image->inode) == inode && image->device == device)
            return image;
        ps_image_put(image); /* released and taken again meanwhile */
    }
    return NULL;
}

/* Does it say all that tells an object from the others that were, or will be, under its key? */
static bool is_complete(const struct ps_proxy *proxy)
{
    return proxy->has_size && proxy->version[0] != '\0';
}

/*
 * proxy: complete, or completed by the store (ask_store). What it left open would match an image
 * of another part, or of an object that was replaced since.
 * object: the canonical URI, after the trust rules: two spellings of one place share an image.
 * A program that gave up its privileges gets none of before: its file can't be opened by this
 * user, and may hold what this user can't have.
 */
static struct ps_image *find_same(const struct ps_proxy *proxy, const char *object)
{
    uint32_t slots = ps_object_slots(), user = geteuid();

    for (uint32_t i = 0; i < slots; i++) {
        struct ps_image *image = &ps_images[i];
        if (!ps_image_get(image))
            continue;
        if (image->user == user && strcmp(image->proxy->object, object) == 0 &&
            image->proxy->offset == proxy->offset &&
            ps_proxy_is_part(image->proxy) == ps_proxy_is_part(proxy) &&
            image->proxy->size == proxy->size &&
            strcmp(image->proxy->version, proxy->version) == 0 &&
            strcmp(image->proxy->digest, proxy->digest) == 0 &&
            (image->table == NULL || ps_hold_has(image->fd)))
            return image;
        ps_image_put(image);
    }
    return NULL;
}

/* A slot that nobody else sees yet, or NULL. */
static struct ps_image *slot_take(void)
{
    const struct ps_config *config = ps_config_get(NULL);
    struct ps_image *image = NULL;
    uint64_t mask;

    if (ps_images == NULL && ps_memory_start(config != NULL ? config->memory : 0) < 0)
        return NULL;
    ps_lock(&ps_objects_lock, &mask);
    if (ps_images == NULL) {
        void *memory = sys_mmap(NULL, PS_IMAGES_MAX * sizeof(*image), PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (!is_sys_error(memory)) {
            ps_leak_root(memory, PS_IMAGES_MAX * sizeof(*image));
            ps_images = memory;
        }
    }
    for (uint32_t i = 0; ps_images != NULL && i < PS_IMAGES_MAX && image == NULL; i++) {
        uint32_t free = PS_IMAGE_FREE;
        if (atomic_load(&ps_images[i].refs) == 0 &&
            atomic_compare_exchange_strong(&ps_images[i].state, &free, PS_IMAGE_DYING)) {
            image = &ps_images[i];
            if (i >= ps_object_slots())
                atomic_store_explicit(&used, i + 1, memory_order_release);
        }
    }
    ps_unlock(&ps_objects_lock, &mask);
    if (image == NULL)
        return NULL;
    image->user = geteuid();
    image->direct = false;
    image->fd = image->table_fd = image->user_fd = -1;
    image->table = NULL;
    image->handle = NULL;
    image->key = NULL;
    memset(&image->ahead, 0, sizeof(image->ahead));
    image->learned = NULL;
    image->parts = NULL;
    image->used = NULL;
    ps_pin_forget(image);
    image->proxy = calloc(1, sizeof(*image->proxy));
    if (image->proxy == NULL) {
        atomic_store(&image->state, PS_IMAGE_FREE);
        return NULL;
    }
    return image;
}

static void slot_give_back(struct ps_image *image)
{
    ps_image_drop(image);
    atomic_store(&image->state, PS_IMAGE_FREE);
}

/* --- opening ------------------------------------------------------------------- */

/* Fill in what the proxy leaves to the store, and notice where the two disagree. */
static int complete(struct ps_image *image, struct ps_error *err)
{
    struct ps_proxy *proxy = image->proxy;
    struct ps_object_info info;
    int result;

    image->expected.size = ps_proxy_is_part(proxy) ? PS_SIZE_UNKNOWN : proxy->size;
    memcpy(image->expected.version, proxy->version, sizeof(proxy->version));
    if (is_complete(proxy))
        return 0;
    result = ps_handle_stat(image->handle, image->key, &info, err);
    if (result < 0)
        return result;
    if (proxy->version[0] != '\0' && strcmp(proxy->version, info.version) != 0)
        return ps_error_set(err, PS_E_STALE, 0, "%.150s is another version than the proxy names",
                            proxy->object);
    if (info.size < proxy->offset || (proxy->has_size && proxy->size > info.size - proxy->offset) ||
        (proxy->has_size && !ps_proxy_is_part(proxy) && proxy->size != info.size))
        return ps_error_set(err, PS_E_STALE, 0, "%.150s has %llu bytes, not what the proxy names",
                            proxy->object, (unsigned long long)info.size);
    if (!proxy->has_size)
        proxy->size = info.size - proxy->offset;
    proxy->has_size = 1;
    image->expected.size = info.size;
    memcpy(image->expected.version, info.version, sizeof(info.version));
    memcpy(proxy->version, info.version, sizeof(proxy->version));
    return 0;
}

/* Open the store of the object, and know of the object all that there is to know. */
static int ask_store(struct ps_image *image, struct ps_error *err)
{
    char url[PS_URI_MAX], key[PS_URI_MAX];
    int result = ps_url_split(image->proxy->object, url, sizeof(url), key, sizeof(key), err);

    if (result < 0)
        return result;
    image->key = strdup(key);
    if (image->key == NULL)
        return ps_error_set(err, PS_E_NOMEM, 0, "no memory for an object");
    result = ps_handle_get(&image->handle, url, err);
    if (result < 0)
        return result;
    image->ahead.pace = &ps_handle_flow(image->handle)->pace;
    ps_work_allow((uint32_t)ps_handle_flow(image->handle)->parallel);
    return complete(image, err);
}

/* The best resolve is none: a descriptor of the object itself, if the store has one. */
static int try_direct(struct ps_image *image, struct ps_error *err)
{
    struct ps_error reason = {0};
    struct stat st;
    int fd;

    if (ps_proxy_is_part(image->proxy))
        return PS_E_UNSUPPORTED;
    fd = ps_handle_descriptor(image->handle, image->key, &image->expected, &reason);
    if (fd == PS_E_UNSUPPORTED)
        return fd;
    if (fd < 0)
        return ps_error_set(err, fd, 0, "%s", reason.message);
    image->fd = ps_hold(fd, false);
    if (image->fd < 0 || sys_fstat(image->fd, &st) < 0)
        return ps_error_set(err, PS_E_NOMEM, EMFILE, "no descriptor for %.150s", image->key);
    image->direct = true;
    image->device = st.st_dev;
    atomic_store(&image->inode, st.st_ino);
    return 0;
}

/* What a proxy stands for is bytes; another proxy is most likely a mistake of whoever stored it. */
static int refuse_proxy(struct ps_image *image, struct ps_error *err)
{
    char magic[PS_PROXY_MAGIC_SIZE];
    int result;

    if (ps_image_size(image) != PS_PROXY_FILE_SIZE)
        return 0;
    result = ps_handle_read(image->handle, image->key, &image->expected, magic, sizeof(magic),
                            image->proxy->offset, err);
    if (result == 0 && memcmp(magic, PS_PROXY_MAGIC, 4) == 0)
        result =
            ps_error_set(err, PS_E_INVALID, 0, "%.150s is itself a proxy", image->proxy->object);
    return result;
}

static int fill(struct ps_image *image, struct ps_error *err)
{
    int result = refuse_proxy(image, err);

    if (result == 0)
        result = try_direct(image, err);
    if (result == PS_E_UNSUPPORTED)
        result = ps_image_make(image, err);
    return result;
}

/*
 * Two threads may have opened one object, or met one inherited image, at the
 * same time: the second's image is not used.
 */
static struct ps_image *publish(struct ps_image *image, bool inherited)
{
    struct ps_image *other;
    uint64_t mask;

    ps_lock(&ps_objects_lock, &mask);
    other = inherited ? ps_image_find(image->device, atomic_load(&image->inode), 0)
                      : find_same(image->proxy, image->proxy->object);
    if (other == NULL) {
        atomic_fetch_add(&image->refs, 1);
        atomic_store(&image->state, PS_IMAGE_LIVE);
    }
    ps_unlock(&ps_objects_lock, &mask);
    if (other == NULL)
        return image;
    slot_give_back(image);
    return other;
}

static int make_new(struct ps_image **out, const struct ps_proxy *proxy, const char *object,
                    const struct ps_origin *origin, struct ps_error *err)
{
    struct ps_image *image = slot_take();
    int result;

    if (image == NULL)
        return ps_error_set(err, PS_E_NOMEM, 0, "no room for another object");
    *image->proxy = *proxy;
    strcpy(image->proxy->object, object); /* both are PS_URI_MAX bytes */
    result = ask_store(image, err);
    *out = result < 0 ? NULL : find_same(image->proxy, object);
    if (result == 0 && *out == NULL)
        result = fill(image, err);
    if (result < 0 || *out != NULL) {
        slot_give_back(image);
        return result;
    }
    if (origin->name != NULL && image->table != NULL)
        image->table->name = *origin->name;
    ps_image_limit(image);
    ps_digest_begin(image);
    ps_parts_begin(image);
    ps_learn_open(image);
    image->record = ps_stats_record(image->proxy, image->direct);
    ps_profile_start();
    *out = publish(image, false);
    return 0;
}

static int open_new(struct ps_image **out, const struct ps_proxy *proxy, const char *object,
                    const struct ps_origin *origin, struct ps_error *err)
{
    int result;

    ps_release_idle(false);
    result = make_new(out, proxy, object, origin, err);
    /* no descriptor, say: those of objects that nobody uses any more will do */
    if (result != PS_E_NOMEM || !ps_release_idle(true))
        return result;
    ps_error_clear(err);
    return make_new(out, proxy, object, origin, err);
}

int ps_object_open(struct ps_image **out, const struct ps_proxy *proxy,
                   const struct ps_origin *origin, uint32_t *name_index, struct ps_error *err)
{
    const struct ps_config *config = ps_config_get(err);
    char object[PS_URI_MAX];
    int result;

    if (config == NULL)
        return err != NULL ? err->code : PS_E_INVALID;
    if (getauxval(AT_SECURE)) /* and so nothing of libps needs to be safe there */
        return ps_error_set(err, PS_E_REFUSED, 0,
                            "no proxies in a program with privileges of its own (setuid)");
    result = ps_trust_check(config, proxy, origin->folder, object, sizeof(object), err);
    if (result < 0)
        return result;
    *out = is_complete(proxy) ? find_same(proxy, object) : NULL;
    if (*out == NULL)
        result = open_new(out, proxy, object, origin, err);
    if (result < 0)
        return result;
    if (!origin->asks)
        ps_stats_count(&(*out)->record->opens, 1);
    if (origin->name != NULL) {
        uint32_t index;
        uint64_t mask;
        ps_lock(&ps_objects_lock, &mask);
        index = ps_image_name(*out, origin->name, origin->path);
        ps_unlock(&ps_objects_lock, &mask);
        if (name_index != NULL)
            *name_index = index;
    }
    return 0;
}

int ps_object_attach(struct ps_image **out, const char *path, struct ps_error *err)
{
    char link[128];
    struct ps_image *image;
    struct ps_proxy proxy;
    ssize_t length = sys_readlinkat(AT_FDCWD, path, link, sizeof(link) - 1);
    int result;

    if (length < 0)
        return ps_error_set(err, PS_E_SYSTEM, (int)-length, "can't look at it in /proc");
    link[length] = '\0';
    if (!ps_image_is_ours(link))
        return 1;
    image = slot_take();
    if (image == NULL)
        return ps_error_set(err, PS_E_NOMEM, 0, "no room for another object");
    result = ps_image_attach(image, path, link, &proxy, err);
    if (result == 0) {
        *image->proxy = proxy;
        result = ask_store(image, err);
    }
    if (result < 0) {
        slot_give_back(image);
        return result;
    }
    ps_image_limit(image);
    ps_digest_begin(image);
    ps_parts_begin(image);
    ps_learn_open(image);
    image->record = ps_stats_record(image->proxy, 0);
    ps_profile_start();
    *out = publish(image, true);
    return 0;
}

/* --- release ----------------------------------------------------------------------- */

bool ps_object_release(struct ps_image *image, uint32_t since)
{
    uint32_t live = PS_IMAGE_LIVE;
    uint64_t mask;
    bool released;

    ps_lock(&ps_objects_lock, &mask);
    released = atomic_compare_exchange_strong(&image->state, &live, PS_IMAGE_DYING);
    /*
     * State first, then refs; ps_image_get goes the other way round: one of us sees. And refs
     * first, then descriptors: whoever opened one held off before giving its reference back.
     */
    if (released && (atomic_load(&image->refs) != 0 || !ps_release_quiet(since))) {
        atomic_store(&image->state, PS_IMAGE_LIVE);
        released = false;
    }
    ps_unlock(&ps_objects_lock, &mask);
    if (released)
        slot_give_back(image);
    return released;
}

/* References that other threads held at the fork are never given back: such images stay. */
void ps_object_fork_child(void)
{
    uint32_t slots = ps_object_slots();

    for (uint32_t i = 0; i < slots; i++)
        if (atomic_load(&ps_images[i].state) == PS_IMAGE_LIVE && ps_images[i].table != NULL)
            ps_image_join(&ps_images[i]);
}

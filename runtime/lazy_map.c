/* lazy_map.c: the public functions on lazy maps; see include/ps/ps.h */
#include <ps/ps.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/page.h"
#include "base/sys.h"
#include "engine/engine.h"
#include "evict.h"
#include "fetch.h"
#include "map.h"
#include "object.h"
#include "touch.h"
#include "work.h"

/*
 * Maps that need no watching: of the object's own file, and of an empty object,
 * which has an address but no byte: a page that can't be touched.
 */
static void *map_plain(struct ps_image *image, int prot, struct ps_error *err)
{
    uint64_t size = ps_image_size(image), page = ps_page_size();
    struct ps_region region = {.image = image, .prot = prot, .map = ps_region_map()};
    void *at = size == 0 ? sys_mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                         : sys_mmap(NULL, size, prot, MAP_PRIVATE, image->fd, 0);

    if (is_sys_error(at)) {
        ps_error_set(err, PS_E_NOMEM, (int)-(long)at, "can't map %.150s", image->proxy->object);
        return NULL;
    }
    region.start = (uintptr_t)at;
    region.end = region.start + (size == 0 ? page : ps_page_round(size));
    if (ps_region_add(&region, err) == 0)
        return at;
    sys_munmap(at, region.end - region.start);
    return NULL;
}

static void *map_object(struct ps_image *image, int prot, struct ps_error *err)
{
    uint64_t size = ps_image_size(image);
    void *at;

    if (size == 0 || image->direct)
        return map_plain(image, prot, err);
    return ps_map_image(&at, image, NULL, size, prot, 0, 0, err) < 0 ? NULL : at;
}

PS_API void *ps_lazy_map(const char *proxy, size_t *size, const struct ps_map_options *options,
                         struct ps_error *err)
{
    struct ps_error local = {0};
    struct ps_image *image;
    unsigned flags = 0;
    void *at;

    err = err != NULL ? err : &local;
    ps_error_clear(err);
    if (proxy == NULL ||
        (options != NULL && options->struct_size < sizeof(struct ps_map_options))) {
        ps_error_set(err, PS_E_INVALID, 0, "no proxy, or options without struct_size");
        return NULL;
    }
    if (options != NULL)
        flags = options->flags;
    if (flags & ~(unsigned)PS_MAP_READ_ONLY) {
        ps_error_set(err, PS_E_INVALID, 0, "unknown flags 0x%x", flags);
        return NULL;
    }
    if (ps_object_open_text(&image, proxy, err) < 0)
        return NULL;
    at = map_object(image, flags & PS_MAP_READ_ONLY ? PROT_READ : PROT_READ | PROT_WRITE, err);
    if (at != NULL && size != NULL)
        *size = ps_image_size(image);
    ps_image_put(image);
    return at;
}

PS_API int ps_unmap(void *address)
{
    struct ps_region region;
    uintptr_t at = (uintptr_t)address, end;
    uint64_t map, size;

    if (address == NULL)
        return 0;
    if (!ps_region_find(at, &region))
        return PS_E_INVALID;
    size = ps_page_round(ps_image_size(region.image)) - region.offset;
    ps_image_put(region.image);
    if (region.start != at)
        return PS_E_INVALID;
    /* the program may have unmapped, changed or replaced parts: take what is left of this map */
    end = size > region.end - at ? at + size : region.end;
    for (map = region.map; ps_region_next(at, end, &region); at = region.end) {
        ps_image_put(region.image);
        if (region.map == map)
            ps_map_unmap(region.start, region.end - region.start);
    }
    return 0;
}

/* --- asking; never fetches ------------------------------------------------------ */

/* The blocks of a range in the map at address; length 0 means to the map's end. */
struct range {
    struct ps_region region; /* with a reference to its image */
    uint64_t first, count;   /* blocks; none when the map needs no watching */
    uint64_t offset, length; /* bytes of the object */
};

static int find_range(struct range *out, const void *address, size_t offset, size_t length,
                      struct ps_error *err)
{
    struct ps_region *region = &out->region;
    uint64_t size, begin;

    if (!ps_region_find((uintptr_t)address, region))
        return ps_error_set(err, PS_E_INVALID, 0, "no lazy map at %p", address);
    begin = region->offset + ((uintptr_t)address - region->start);
    size = ps_image_size(region->image);
    size = size > begin ? size - begin : 0; /* from address to the object's end */
    if (offset > size || length > size - offset) {
        ps_image_put(region->image);
        return ps_error_set(err, PS_E_INVALID, 0, "%zu bytes at %zu are not in the map", length,
                            offset);
    }
    out->offset = begin + offset;
    out->length = length == 0 ? size - offset : length;
    out->first = out->count = 0;
    if (region->image->table != NULL && out->length > 0) {
        uint64_t block = region->image->table->block_size;
        out->first = out->offset / block;
        out->count = (out->offset + out->length - 1) / block - out->first + 1;
    }
    return 0;
}

PS_API int ps_is_proxy(const void *address)
{
    struct ps_region region;

    if (!ps_region_find((uintptr_t)address, &region))
        return 0;
    ps_image_put(region.image);
    return 1;
}

PS_API int ps_is_resolved(const void *address, size_t offset, size_t length)
{
    struct range range;
    int resolved;

    if (find_range(&range, address, offset, length, NULL) < 0)
        return 0;
    resolved =
        range.count == 0 || ps_table_all_ready(range.region.image->table, range.first, range.count);
    ps_image_put(range.region.image);
    return resolved;
}

PS_API int ps_proxy_of(const void *address, struct ps_proxy *out, struct ps_error *err)
{
    struct ps_region region;

    ps_error_clear(err);
    if (!ps_region_find((uintptr_t)address, &region))
        return ps_error_set(err, PS_E_INVALID, 0, "no lazy map at %p", address);
    *out = *region.image->proxy;
    ps_image_put(region.image);
    return 0;
}

/* --- fetching and dropping ------------------------------------------------------- */

PS_API int ps_resolve(const void *address, size_t offset, size_t length, struct ps_error *err)
{
    struct ps_error local = {0};
    struct range range;
    int result;

    err = err != NULL ? err : &local;
    ps_error_clear(err);
    result = find_range(&range, address, offset, length, err);
    if (result < 0)
        return result;
    result = ps_work_start(err);
    if (result == 0 && range.count > 0)
        result = ps_fetch(range.region.image, range.first, range.count, NULL, err);
    /* pages that failed here may have been fetched by another process; all of each is here then */
    if (result == 0 && range.count > 0) {
        uint64_t size = range.region.image->table->block_size;
        ps_fail_heal(range.region.image, range.first * size, range.count * size);
    }
    ps_image_put(range.region.image);
    return result;
}

PS_API int ps_prefetch(const void *address, size_t offset, size_t length, struct ps_error *err)
{
    struct range range;
    int result;

    ps_error_clear(err);
    result = find_range(&range, address, offset, length, err);
    if (result < 0)
        return result;
    result = ps_work_start(err);
    if (result == 0 && range.count > 0)
        ps_fetch_start(range.region.image, range.first, range.count, PS_FETCH_AHEAD);
    ps_image_put(range.region.image);
    return result;
}

PS_API int64_t ps_evict(const void *address, size_t offset, size_t length, struct ps_error *err)
{
    struct range range;
    int64_t dropped = 0;
    int result;

    ps_error_clear(err);
    result = find_range(&range, address, offset, length, err);
    if (result < 0)
        return result;
    if (range.count > 0)
        dropped = ps_evict_range(range.region.image, range.offset, range.length);
    ps_image_put(range.region.image);
    return dropped;
}

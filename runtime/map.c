/* map.c: see map.h */
#include "map.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/page.h"
#include "base/sys.h"
#include "engine/engine.h"
#include "pin.h"
#include "touch.h"
#include "work.h"

#ifndef MREMAP_DONTUNMAP /* glibc 2.32; Linux 5.7 */
#define MREMAP_DONTUNMAP 4
#endif

/*
 * The list's lock is held while the kernel and the list change, so no other
 * thread acts on the one without the other, and no child is forked in between.
 * The kernel comes first, as it may refuse. A thread that gets the addresses
 * for memory of its own as soon as they are free, waits for the lock before
 * that can be lazy.
 */
int ps_map_unmap(uintptr_t start, size_t size)
{
    uintptr_t end = start + ps_page_round(size);
    uint64_t mask;
    int result;

    ps_region_lock(&mask);
    result = ps_region_room(start, end, false);
    if (result == 0)
        result = sys_munmap((void *)start, size);
    if (result == 0)
        ps_region_remove(start, end);
    ps_region_unlock(&mask);
    return result;
}

void *ps_map_replace(void *address, size_t length, int prot, int flags, int fd, off_t offset)
{
    uintptr_t start = (uintptr_t)address, end = start + ps_page_round(length);
    bool replaces = flags & MAP_FIXED;
    uint64_t mask;
    void *at;
    int result;

    ps_region_lock(&mask);
    result = replaces ? ps_region_room(start, end, false) : 0;
    at = result == 0 ? sys_mmap(address, length, prot, flags, fd, offset) : (void *)(long)result;
    if (replaces && !is_sys_error(at))
        ps_region_remove(start, end);
    ps_region_unlock(&mask);
    return at;
}

void (*ps_map_first)(void);

/*
 * Nothing of the mapping is accessible before it is watched: with PROT_NONE
 * not even mlockall(MCL_FUTURE) makes the kernel fill it, which would turn
 * every hole into a page of zeros.
 */
static int map_watched(void *at, const struct ps_image *image, size_t length, int prot,
                       uint64_t offset, int read_only, struct ps_error *err)
{
    uint64_t size = ps_page_round(ps_image_size(image));
    struct ps_region region = {.start = (uintptr_t)at,
                               .image = (struct ps_image *)image,
                               .offset = offset,
                               .prot = prot,
                               .read_only = read_only,
                               .map = ps_region_map()};
    uint64_t lazy = offset < size ? size - offset : 0;
    int result = 0;

    if (lazy > ps_page_round(length))
        lazy = ps_page_round(length);
    /* past the object's last page a touch is SIGBUS by the kernel, as for any file */
    if (lazy < ps_page_round(length))
        sys_mprotect((char *)at + lazy, ps_page_round(length) - lazy, prot);
    if (lazy > 0) {
        region.end = region.start + lazy;
        result = ps_engine_arm(&region, err);
        if (result == 0)
            result = ps_region_add(&region, err);
        if (result == 0 && ps_map_first != NULL)
            ps_map_first();
    }
    return result;
}

int ps_map_image(void **out, struct ps_image *image, void *address, size_t length, int prot,
                 int flags, uint64_t offset, struct ps_error *err)
{
    int read_only = (flags & MAP_TYPE) == MAP_SHARED || (flags & MAP_TYPE) == MAP_SHARED_VALIDATE;
    int result = ps_work_start(err);
    void *at;

    if (result == 0)
        result = ps_engine_start(err);
    if (result < 0)
        return result;
    flags &= ~(MAP_SHARED | MAP_SHARED_VALIDATE | MAP_POPULATE | MAP_LOCKED | MAP_SYNC);
    /*
     * MAP_NORESERVE: an object larger than memory can be mapped for writing; and
     * the parts that the segv engine opens stay alike but for their protection,
     * so that they join again and mremap can move them.
     */
    at = ps_map_replace(address, length, PROT_NONE, flags | MAP_PRIVATE | MAP_NORESERVE, image->fd,
                        (off_t)offset);
    if (is_sys_error(at))
        return ps_error_set(err, PS_E_NOMEM, (int)-(long)at, "can't map %zu bytes", length);
    result = map_watched(at, image, length, prot, offset, read_only, err);
    if (result < 0) {
        sys_munmap(at, length);
        return result;
    }
    *out = at;
    return 0;
}

/* The blocks of [from, to), which is in the region; *first is the first of them. */
static uint64_t blocks_of(const struct ps_region *region, uintptr_t from, uintptr_t to,
                          uint64_t *first)
{
    uint64_t block_size = region->image->table->block_size;

    *first = (region->offset + (from - region->start)) / block_size;
    return (region->offset + (to - 1 - region->start)) / block_size - *first + 1;
}

static int resolve_part(const struct ps_region *region, uintptr_t from, uintptr_t to,
                        struct ps_error *err)
{
    uint64_t first, count = blocks_of(region, from, to, &first);
    int result = ps_touch(region->image, first, count, (enum ps_advice)region->advice, NULL, err);

    /* in segv memory ready is not accessible: touch each page, as the program would */
    if (result == 0 && region->engine == PS_REGION_SEGV && region->prot & PROT_READ)
        for (uintptr_t at = from; at < to; at = ps_page_round(at + 1))
            (void)*(volatile const char *)at;
    return result;
}

static void pin(struct ps_pins *pins, const struct ps_region *region, uintptr_t from, uintptr_t to)
{
    struct ps_image *image = region->image;
    uint64_t first, count = blocks_of(region, from, to, &first);

    for (unsigned i = 0; i < pins->count; i++)
        if (pins->image[i] == image) {
            ps_pin_widen(image, pins->pin[i], first, count);
            return;
        }
    if (pins->count == PS_PINS_MAX || !ps_image_get(image))
        return;
    pins->pin[pins->count] = ps_pin(image, first, count);
    pins->image[pins->count++] = image;
}

void ps_map_unpin(struct ps_pins *pins)
{
    while (pins->count > 0) {
        struct ps_image *image = pins->image[--pins->count];
        ps_unpin(image, pins->pin[pins->count]);
        ps_image_put(image);
    }
}

int ps_map_resolve_buffer(const void *buffer, size_t size, struct ps_pins *pins,
                          struct ps_error *err)
{
    uintptr_t at = (uintptr_t)buffer, end = at + size;
    struct ps_region region;
    int result = 0;

    if (size == 0 || !ps_region_near(at, size))
        return 0;
    while (result == 0 && at < end && ps_region_next(at, end, &region)) {
        uintptr_t from = at > region.start ? at : region.start;
        uintptr_t to = end < region.end ? end : region.end;

        if (region.engine != PS_REGION_PLAIN) {
            if (pins != NULL)
                pin(pins, &region, from, to);
            result = resolve_part(&region, from, to, err);
        }
        ps_image_put(region.image);
        at = to;
    }
    return result;
}

bool ps_map_allows(const void *buffer, size_t size, int prot)
{
    uintptr_t at = (uintptr_t)buffer, end = at + size;
    struct ps_region region;
    bool is_lazy = false;

    if (size == 0 || !ps_region_near(at, size))
        return false;
    for (; at < end && ps_region_next(at, end, &region); at = region.end) {
        ps_image_put(region.image);
        is_lazy = true;
        if ((region.prot & prot) != prot)
            return false;
    }
    return is_lazy;
}

/* It is one mapping for the kernel then, which mremap can move; touches open it again. False: some
 * of it stays open. */
static bool close_segv(uintptr_t start, uintptr_t end)
{
    struct ps_region region;
    bool is_closed = true;

    for (uintptr_t at = start; ps_region_next(at, end, &region); at = region.end) {
        uintptr_t from = region.start > start ? region.start : start;
        uintptr_t to = region.end < end ? region.end : end;
        ps_image_put(region.image);
        is_closed &= ps_engine_close(&region, from, to, true);
    }
    return is_closed;
}

int ps_map_drop(uintptr_t start, size_t size, int advice)
{
    uint64_t mask;
    int result;

    /* with the list's lock, so that no touch opens it in between */
    ps_region_lock(&mask);
    result = close_segv(start, start + ps_page_round(size))
                 ? sys_madvise((void *)start, size, advice)
                 : -EAGAIN;
    ps_region_unlock(&mask);
    return result;
}

/* The kernel watches moved memory no more; and what has grown, it never watched or closed. */
static void rearm(uintptr_t start, uintptr_t end)
{
    struct ps_region region;

    for (uintptr_t at = start; ps_region_next(at, end, &region); at = region.end) {
        ps_image_put(region.image);
        ps_engine_rearm(&region);
        /* past the object's last page: as the program wants it */
        if (region.engine == PS_REGION_SEGV && region.end < end &&
            region.end - region.start + region.offset == ps_page_round(ps_image_size(region.image)))
            sys_mprotect((void *)region.end, end - region.end, region.prot);
    }
}

void *ps_map_remap(uintptr_t from, size_t old_size, size_t new_size, int flags, void *wanted)
{
    uintptr_t end = from + ps_page_round(old_size), to, to_end;
    uint64_t mask;
    int result;
    void *at;

    /*
     * All of it with the list's lock: else a touch by another thread opens some
     * of it, and it is many mappings again; or a child forked now does not
     * watch it.
     */
    ps_region_lock(&mask);
    result = ps_region_room(from, end, true);
    if (result < 0) {
        ps_region_unlock(&mask);
        return (void *)(long)result;
    }
    close_segv(from, end); /* the kernel refuses what is not one mapping */
    at = (void *)sys_call6(SYS_mremap, (long)from, (long)old_size, (long)new_size, flags,
                           (long)wanted, 0);
    if (!is_sys_error(at)) {
        to = (uintptr_t)at;
        to_end = to + ps_page_round(new_size);
        if (to_end - to < end - from)
            ps_engine_forget(from + (to_end - to), end);
        if (to != from) {
            ps_engine_forget(to, to_end);
            ps_engine_moved(from, end, to);
        }
        ps_region_move(from, end, to, to_end, flags & MREMAP_DONTUNMAP);
        rearm(to, to_end);
    }
    ps_region_unlock(&mask);
    return at;
}

static bool any_read_only(uintptr_t start, uintptr_t end)
{
    struct ps_region region;

    for (uintptr_t at = start; ps_region_next(at, end, &region); at = region.end) {
        ps_image_put(region.image);
        if (region.read_only)
            return true;
    }
    return false;
}

/* In the list and in the kernel, with the list's lock. */
static int protect(uintptr_t start, uintptr_t end, int prot)
{
    struct ps_region region;
    uintptr_t at = start;
    int result;

    if ((prot & PROT_WRITE) && any_read_only(start, end))
        return -EACCES;
    result = ps_region_room(start, end, false);
    /* segv memory becomes accessible page by page, when it is touched and here */
    while (result == 0 && at < end) {
        bool found = ps_region_next(at, end, &region);
        uintptr_t gap = found ? region.start : end;

        if (gap > at)
            result = sys_mprotect((void *)at, gap - at, prot);
        if (!found)
            break;
        ps_image_put(region.image);
        at = region.start > at ? region.start : at;
        gap = region.end < end ? region.end : end;
        if (result == 0)
            result = sys_mprotect((void *)at, gap - at,
                                  region.engine == PS_REGION_SEGV ? PROT_NONE : prot);
        at = gap;
    }
    /* last: what the kernel refused is as it was */
    return result == 0 ? ps_region_set_prot(start, end, prot) : result;
}

int ps_map_protect(uintptr_t start, size_t size, int prot)
{
    uint64_t mask;
    int result;

    if (start % ps_page_size() != 0)
        return -EINVAL;
    ps_region_lock(&mask);
    result = protect(start, start + ps_page_round(size), prot);
    ps_region_unlock(&mask);
    return result;
}

/* map.c: see map.h */
#include "map.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sys.h"
#include "engine/engine.h"
#include "touch.h"
#include "work.h"

static uint64_t page_round(uint64_t size)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    return (size + page - 1) & ~(page - 1);
}

/*
 * Nothing of the mapping is accessible before it is watched: with PROT_NONE
 * not even mlockall(MCL_FUTURE) makes the kernel fill it, which would turn
 * every hole into a page of zeros.
 */
static int map_watched(void *at, const struct ps_image *image, size_t length, int prot,
                       uint64_t offset, int read_only, struct ps_error *err)
{
    uint64_t size = page_round(ps_image_size(image));
    struct ps_region region = {.start = (uintptr_t)at,
                               .image = (struct ps_image *)image,
                               .offset = offset,
                               .prot = prot,
                               .read_only = read_only,
                               .map = ps_region_map()};
    uint64_t lazy = offset < size ? size - offset : 0;
    int result = 0;

    if (lazy > page_round(length))
        lazy = page_round(length);
    /* past the object's last page a touch is SIGBUS by the kernel, as for any file */
    if (lazy < page_round(length))
        sys_mprotect((char *)at + lazy, page_round(length) - lazy, prot);
    if (lazy > 0) {
        region.end = region.start + lazy;
        result = ps_engine_arm(&region, err);
        if (result == 0)
            result = ps_region_add(&region, err);
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
    if (flags & MAP_FIXED)
        ps_region_remove((uintptr_t)address, (uintptr_t)address + page_round(length));
    /*
     * MAP_NORESERVE: an object larger than memory can be mapped for writing; and
     * the parts that the segv engine opens stay alike but for their protection,
     * so that they join again and mremap can move them.
     */
    at = sys_mmap(address, length, PROT_NONE, flags | MAP_PRIVATE | MAP_NORESERVE, image->fd,
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

static int resolve_part(const struct ps_region *region, uintptr_t from, uintptr_t to,
                        struct ps_error *err)
{
    uint64_t block_size = region->image->table->block_size;
    uint64_t first = (region->offset + (from - region->start)) / block_size;
    uint64_t last = (region->offset + (to - 1 - region->start)) / block_size;
    int result = ps_touch(region->image, first, last - first + 1, NULL, err);

    /* in segv memory ready is not accessible: touch each page, as the program would */
    if (result == 0 && region->engine == PS_REGION_SEGV && region->prot & PROT_READ)
        for (uintptr_t page = from; page < to; page = (page & ~(uintptr_t)4095) + 4096)
            (void)*(volatile const char *)page;
    return result;
}

int ps_map_resolve_buffer(const void *buffer, size_t size, struct ps_error *err)
{
    uintptr_t at = (uintptr_t)buffer, end = at + size;
    struct ps_region region;
    int result = 0;

    if (size == 0 || !ps_region_near(at, size))
        return 0;
    while (result == 0 && at < end && ps_region_next(at, end, &region)) {
        uintptr_t from = at > region.start ? at : region.start;
        uintptr_t to = end < region.end ? end : region.end;

        if (region.engine != PS_REGION_PLAIN)
            result = resolve_part(&region, from, to, err);
        ps_image_put(region.image);
        at = to;
    }
    return result;
}

/* Take the regions of a range out of the list, and put them back elsewhere, cut to new_size. */
void ps_map_remap(uintptr_t from, size_t old_size, uintptr_t to, size_t new_size, int dont_unmap)
{
    uintptr_t end = from + page_round(old_size);
    struct ps_region region, moved;

    if (!ps_region_near(from, end - from))
        return;
    for (uintptr_t at = from; ps_region_next(at, end, &region); at = region.end) {
        uintptr_t start = region.start > from ? region.start : from;
        uintptr_t stop = region.end < end ? region.end : end;
        uint64_t shift = start - from, length = stop - start;
        uint64_t left =
            page_round(ps_image_size(region.image)) - (region.offset + (start - region.start));

        moved = region;
        moved.offset += start - region.start;
        /* the last region of a mapping that grew, grows with it, as far as the object goes */
        if (stop == end && page_round(new_size) > page_round(old_size))
            length += page_round(new_size) - page_round(old_size);
        if (length > left)
            length = left;
        moved.start = to + shift;
        moved.end = moved.start + length;
        if (!dont_unmap)
            ps_region_remove(start, stop);
        if (shift < page_round(new_size) && length > 0) {
            if (moved.end > to + page_round(new_size))
                moved.end = to + page_round(new_size);
            ps_region_remove(moved.start, moved.end);
            if (ps_region_add(&moved, NULL) == 0)
                ps_engine_rearm(&moved);
            /* past the object's last page nothing is lazy: a touch is the kernel's SIGBUS */
            if (stop == end && region.engine == PS_REGION_SEGV)
                sys_mprotect((void *)moved.end, to + page_round(new_size) - moved.end, region.prot);
        }
        ps_image_put(region.image);
    }
}

void ps_map_close(uintptr_t start, size_t size)
{
    uintptr_t end = start + page_round(size);
    struct ps_region region;

    for (uintptr_t at = start; ps_region_next(at, end, &region); at = region.end) {
        uintptr_t from = region.start > start ? region.start : start;
        uintptr_t to = region.end < end ? region.end : end;
        ps_image_put(region.image);
        if (region.engine == PS_REGION_SEGV)
            sys_mprotect((void *)from, to - from, PROT_NONE);
    }
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
    int result = 0;

    if ((prot & PROT_WRITE) && any_read_only(start, end))
        return -EACCES;
    ps_region_set_prot(start, end, prot);
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
    return result;
}

int ps_map_protect(uintptr_t start, size_t size, int prot)
{
    uint64_t mask;
    int result;

    if (start % (uintptr_t)sysconf(_SC_PAGESIZE) != 0)
        return -EINVAL;
    ps_region_lock(&mask);
    result = protect(start, start + page_round(size), prot);
    ps_region_unlock(&mask);
    return result;
}

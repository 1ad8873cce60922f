/*
 * call_map.c: mappings of images, and what programs do to lazy memory
 *
 * Whatever the kernel is about to forget or move is taken off the list of lazy
 * memory first: an address may be another thread's mapping the moment that
 * munmap returns.
 */
#include <stdarg.h>
#include <sys/mman.h>

#include "base/sys.h"
#include "hook.h"
#include "view.h"

enum { PIECES = 16 }; /* regions that a call which then fails can put back */

struct pieces {
    struct ps_region region[PIECES];
    int count;
};

static uintptr_t round_up(uintptr_t size)
{
    return (size + 4095) & ~(uintptr_t)4095;
}

/* Take lazy memory of the range off the list, and remember it. */
static void take_off(struct pieces *pieces, uintptr_t start, uintptr_t end)
{
    struct ps_region region;

    pieces->count = 0;
    if (start % 4096 != 0)
        return; /* the kernel will refuse it */
    for (uintptr_t at = start; pieces->count < PIECES && ps_region_next(at, end, &region);
         at = region.end) {
        struct ps_region *piece = &pieces->region[pieces->count++];
        *piece = region; /* its reference is given back by done() or put_back() */
        if (piece->start < start) {
            piece->offset += start - piece->start;
            piece->start = start;
        }
        if (piece->end > end)
            piece->end = end;
    }
    ps_region_remove(start, end);
}

static void done(struct pieces *pieces, bool put_back)
{
    for (int i = 0; i < pieces->count; i++) {
        if (put_back)
            ps_region_add(&pieces->region[i], NULL);
        ps_image_put(pieces->region[i].image);
    }
}

static void *map_plain(void *address, size_t length, int prot, int flags, int fd, off_t offset)
{
    bool replaces = (flags & MAP_FIXED) && ps_region_near((uintptr_t)address, length);
    struct pieces pieces;
    void *at;

    if (replaces)
        take_off(&pieces, (uintptr_t)address, (uintptr_t)address + round_up(length));
    at = sys_mmap(address, length, prot, flags, fd, offset);
    if (replaces)
        done(&pieces, is_sys_error(at));
    return at;
}

HOOK(void *, mmap64, (void *address, size_t length, int prot, int flags, int fd, off_t offset))
{
    struct ps_view view;
    void *at;
    int image = flags & MAP_ANONYMOUS ? 0 : ps_view_image(fd, &view);

    if (image < 0)
        at = (void *)(long)image;
    else if (image == 0 || length == 0 || offset < 0 || offset % 4096 != 0)
        at = map_plain(address, length, prot, flags, fd, offset);
    else
        at = ps_preload_mmap(&view, address, length, prot, flags, (uint64_t)offset);
    if (image > 0)
        ps_image_put(view.image);
    return (void *)ps_result((long)at);
}
ALIAS(void *, mmap, mmap64, (void *, size_t, int, int, int, off_t));

HOOK(int, munmap, (void *address, size_t length))
{
    uintptr_t start = (uintptr_t)address;
    struct pieces pieces;
    int result;

    if (length == 0 || start % 4096 != 0 || !ps_region_near(start, length))
        return (int)ps_result(sys_munmap(address, length));
    take_off(&pieces, start, start + round_up(length));
    result = sys_munmap(address, length);
    done(&pieces, result < 0);
    return (int)ps_result(result);
}

HOOK(void *, mremap, (void *old, size_t old_size, size_t new_size, int flags, ...))
{
    bool lazy = ps_region_near((uintptr_t)old, old_size);
    struct pieces replaced = {.count = 0};
    void *wanted = NULL, *at;
    va_list arguments;

    if (flags & MREMAP_FIXED) {
        va_start(arguments, flags);
        wanted = va_arg(arguments, void *);
        va_end(arguments);
        take_off(&replaced, (uintptr_t)wanted, (uintptr_t)wanted + round_up(new_size));
    }
    if (lazy)
        at = ps_map_remap((uintptr_t)old, old_size, new_size, flags, wanted);
    else
        at = (void *)sys_call6(SYS_mremap, (long)old, (long)old_size, (long)new_size, flags,
                               (long)wanted, 0);
    done(&replaced, is_sys_error(at));
    return (void *)ps_result((long)at);
}

HOOK(int, mprotect, (void *address, size_t length, int prot))
{
    if (length == 0 || !ps_region_near((uintptr_t)address, length))
        return (int)ps_result(sys_mprotect(address, length, prot));
    return (int)ps_result(ps_map_protect((uintptr_t)address, length, prot));
}

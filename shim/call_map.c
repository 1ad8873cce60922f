/*
 * call_map.c: mappings of images, and what programs do to lazy memory
 *
 * What changes the mapping of lazy memory changes the list of it too: both in
 * one step, in runtime/map.c.
 */
#include <stdarg.h>
#include <sys/mman.h>

#include "base/page.h"
#include "base/sys.h"
#include "hook.h"
#include "view.h"

HOOK(void *, mmap64, (void *address, size_t length, int prot, int flags, int fd, off_t offset))
{
    struct ps_view view;
    void *at;
    int image = flags & MAP_ANONYMOUS ? 0 : ps_view_image(fd, &view);

    if (image < 0)
        at = (void *)(long)image;
    else if (image > 0 && length > 0 && offset >= 0 && (uint64_t)offset % ps_page_size() == 0)
        at = ps_preload_mmap(&view, address, length, prot, flags, (uint64_t)offset);
    else if ((flags & MAP_FIXED) && ps_region_near((uintptr_t)address, length))
        at = ps_map_replace(address, length, prot, flags, fd, offset);
    else
        at = sys_mmap(address, length, prot, flags, fd, offset);
    if (image > 0)
        ps_image_put(view.image);
    return (void *)ps_result((long)at);
}
ALIAS(void *, mmap, mmap64, (void *, size_t, int, int, int, off_t));

HOOK(int, munmap, (void *address, size_t length))
{
    if (!ps_region_near((uintptr_t)address, length))
        return (int)ps_result(sys_munmap(address, length));
    return (int)ps_result(ps_map_unmap((uintptr_t)address, length));
}

HOOK(void *, mremap, (void *old, size_t old_size, size_t new_size, int flags, ...))
{
    bool lazy = ps_region_near((uintptr_t)old, old_size);
    void *wanted = NULL, *at;
    va_list arguments;

    if (flags & MREMAP_FIXED) {
        va_start(arguments, flags);
        wanted = va_arg(arguments, void *);
        va_end(arguments);
        lazy = lazy || ps_region_near((uintptr_t)wanted, new_size);
    }
    if (lazy)
        at = ps_map_remap((uintptr_t)old, old_size, new_size, flags, wanted);
    else
        at = (void *)sys_call6(SYS_mremap, (long)old, (long)old_size, (long)new_size, flags,
                               (long)wanted, 0);
    return (void *)ps_result((long)at);
}

HOOK(int, mprotect, (void *address, size_t length, int prot))
{
    if (length == 0 || !ps_region_near((uintptr_t)address, length))
        return (int)ps_result(sys_mprotect(address, length, prot));
    return (int)ps_result(ps_map_protect((uintptr_t)address, length, prot));
}

/*
 * A page that libps keeps closed would be opened here; what it closes and opens
 * knows no keys. -1 is none: mprotect, also where the kernel has no keys.
 */
HOOK(int, pkey_mprotect, (void *address, size_t length, int prot, int key))
{
    if (key == -1)
        return ps_hook_mprotect(address, length, prot);
    if (length == 0 || !ps_region_near((uintptr_t)address, length))
        return (int)ps_result(
            sys_call6(SYS_pkey_mprotect, (long)address, (long)length, prot, key, 0, 0));
    return (int)ps_result(key != 0 ? -EINVAL : ps_map_protect((uintptr_t)address, length, prot));
}

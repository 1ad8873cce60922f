/*
 * call_lock.c: calls by which the kernel fills memory that is mapped already, or is told to
 *
 * It can't fill lazy memory where the engine does not catch its touches:
 * ENOMEM or EFAULT. So that is made ready first. What madvise says of touches
 * to come is heeded once the kernel has found no fault in it. What madvise
 * drops is the program's own: what is behind it must then be touched anew.
 */
#include <sys/mman.h>

#include "base/page.h"
#include "base/sys.h"
#include "hook.h"
#include "preload.h"

/* MADV_, Linux 5.14 and 5.18 */
enum { POPULATE_READ = 22, POPULATE_WRITE = 23, DONTNEED_LOCKED = 24 };

/* Whole pages, as the kernel takes them. */
static int ready(const void *address, size_t length, const char *call)
{
    uintptr_t start = (uintptr_t)address & ~(uintptr_t)4095;

    if (length == 0 || length > UINTPTR_MAX - (uintptr_t)address - 4095)
        return 0;
    length = (((uintptr_t)address + length + 4095) & ~(uintptr_t)4095) - start;
    return ps_preload_buffer((const void *)start, length, call) < 0 ? -EIO : 0;
}

HOOK(int, mlock, (const void *address, size_t length))
{
    int result = ready(address, length, "mlock");

    return (int)ps_result(result < 0 ? result : sys_call3(SYS_mlock, address, length, 0));
}

HOOK(int, mlock2, (const void *address, size_t length, unsigned flags))
{
    int result = flags == 0 ? ready(address, length, "mlock2") : 0; /* else: when it is touched */

    return (int)ps_result(result < 0 ? result : sys_call3(SYS_mlock2, address, length, flags));
}

/* 0 or a negative errno */
static int advise(void *address, size_t length, int advice)
{
    int result = 0;

    if (advice == POPULATE_READ || advice == POPULATE_WRITE)
        result = ready(address, length, "madvise");
    if (result == 0 && (advice == MADV_DONTNEED || advice == DONTNEED_LOCKED) && length > 0 &&
        (uintptr_t)address % ps_page_size() == 0 && ps_region_near((uintptr_t)address, length))
        result = ps_map_drop((uintptr_t)address, length, advice);
    else if (result == 0)
        result = sys_madvise(address, length, advice);
    /* ENOMEM: not all of it is mapped, but what is, was advised */
    if ((result == 0 || result == -ENOMEM) && ps_region_near((uintptr_t)address, length) &&
        !ps_guard_held())
        ps_hint_memory((uintptr_t)address, length, advice);
    return result;
}

HOOK(int, madvise, (void *address, size_t length, int advice))
{
    return (int)ps_result(advise(address, length, advice));
}

/* It gives the error, and leaves errno alone. Its DONTNEED is no MADV_DONTNEED, which loses bytes.
 */
HOOK(int, posix_madvise, (void *address, size_t length, int advice))
{
    return advice == POSIX_MADV_DONTNEED ? 0 : -advise(address, length, advice);
}

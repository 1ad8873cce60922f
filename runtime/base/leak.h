/* leak.h: for AddressSanitizer's search for leaks, which does not look into memory of the kernel's
 */
#ifndef PS_LEAK_H
#define PS_LEAK_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PS_LEAKS_SOUGHT
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define PS_LEAKS_SOUGHT
#endif

#ifdef PS_LEAKS_SOUGHT
#include <sanitizer/lsan_interface.h>
#endif

/* ps_leak_root: memory from mmap that points to memory from malloc */
static inline void ps_leak_root(const void *memory, size_t size)
{
#ifdef PS_LEAKS_SOUGHT
    __lsan_register_root_region(memory, size);
#else
    (void)memory;
    (void)size;
#endif
}

#endif

/* leak.h: for AddressSanitizer's search for leaks, which passes by what mmap gave */
#ifndef PS_LEAK_H
#define PS_LEAK_H

#include <stddef.h>

#include "base/sanitizer.h"

#ifdef PS_ADDRESS_SANITIZER
#include <sanitizer/lsan_interface.h>
#endif

/* ps_leak_root: memory from mmap that points to memory from malloc */
static inline void ps_leak_root(const void *memory, size_t size)
{
#ifdef PS_ADDRESS_SANITIZER
    __lsan_register_root_region(memory, size);
#else
    (void)memory;
    (void)size;
#endif
}

#endif

/*
 * hint.h: what a program says of accesses to come
 *
 * Hints never wait for a store, and never fail: what can't be fetched, or remembered, is left to
 * the access. A store that fails then is no failure, and nothing is reported.
 */
#ifndef PS_HINT_H
#define PS_HINT_H

#include <stddef.h>
#include <stdint.h>

#include "image.h"

/* ps_hint_fetch: the range will be needed; size 0: to the object's end. As ps_prefetch. */
void ps_hint_fetch(struct ps_image *image, uint64_t offset, uint64_t size);

/* ps_hint_memory: an madvise that the kernel accepted, of a range that may hold lazy memory */
void ps_hint_memory(uintptr_t start, size_t size, int advice);

#endif

/* evict.h: dropping what was fetched */
#ifndef PS_EVICT_H
#define PS_EVICT_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"

/*
 * ps_evict_range: drop the READY blocks that lie wholly in the range
 *
 * Returns the bytes dropped; 0 when calls or other processes use the image.
 */
int64_t ps_evict_range(struct ps_image *image, uint64_t offset, uint64_t length);

/*
 * ps_evict_begin: no call relies on blocks of the image, and no other process uses it
 *
 * Until ps_evict_end, if it is PS_EVICT_BEGUN. ps_evict_blocks drops those that are READY, and
 * returns their bytes. Not while this thread holds a lock; safe in a handler.
 */
enum ps_evict {
    PS_EVICT_BEGUN,
    PS_EVICT_BUSY, /* calls of this process, which end soon */
    PS_EVICT_SHARED
};
enum ps_evict ps_evict_begin(struct ps_image *image, uint64_t *mask);
uint64_t ps_evict_blocks(struct ps_image *image, uint64_t first, uint64_t count);
void ps_evict_end(struct ps_image *image, const uint64_t *mask);

#endif

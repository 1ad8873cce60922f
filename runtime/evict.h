/* evict.h: dropping what was fetched */
#ifndef PS_EVICT_H
#define PS_EVICT_H

#include <stdint.h>

#include "image.h"

/*
 * ps_evict_range: drop the READY blocks that lie wholly in the range
 *
 * Returns the bytes dropped; 0 when calls or other processes use the image.
 */
int64_t ps_evict_range(struct ps_image *image, uint64_t offset, uint64_t length);

#endif

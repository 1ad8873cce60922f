/*
 * touch.h: what a touch of blocks sets off: the fetch of what it needs, and of what will come next
 *
 * The one place where touches by calls and by memory meet read-ahead. advice is what the program
 * said of the descriptor, or of the memory, that was touched.
 */
#ifndef PS_TOUCH_H
#define PS_TOUCH_H

#include "image.h"

/*
 * ps_touch_start: blocks were touched; queue what is missing, and what is ahead
 *
 * Returns true when this process fetches them or they are READY; false when
 * another process does, or no request was free: nothing here will wake the
 * toucher. Safe in a handler.
 */
bool ps_touch_start(struct ps_image *image, uint64_t first, uint64_t count, enum ps_advice advice);

/*
 * ps_touch_now: one block was touched; true when this call made it READY, at once
 *
 * Where not, nothing was done: it may be READY by others. Safe in a handler.
 */
bool ps_touch_now(struct ps_image *image, uint64_t block, enum ps_advice advice);

/*
 * ps_touch: as ps_touch_start, and wait until the blocks are READY
 *
 * On error err holds the cause, and *failed (may be NULL) the first block
 * that is not here.
 */
int ps_touch(struct ps_image *image, uint64_t first, uint64_t count, enum ps_advice advice,
             uint64_t *failed, struct ps_error *err);

#endif

/*
 * use.h: calls that rely on READY blocks, and evictions, which keep them out
 *
 * Of this process only: an eviction begins with ps_image_claim, and then no
 * other process uses the image.
 */
#ifndef PS_USE_H
#define PS_USE_H

#include <stdbool.h>

#include "image.h"

/*
 * ps_use_begin, ps_use_end: between them READY blocks stay READY
 *
 * Many may be inside at once. Not around a wait for a store: a signal handler
 * that leaves it by siglongjmp would never come to the end. Safe in a handler.
 */
void ps_use_begin(struct ps_image *image);
void ps_use_end(struct ps_image *image);

/*
 * ps_use_exclude: keep users out; false (and nothing done) when some stay inside for 100 ms
 *
 * With ps_evict_lock held, so that there is one at a time, and none at a fork.
 */
bool ps_use_exclude(struct ps_image *image);
void ps_use_readmit(struct ps_image *image);

/* ps_use_fork_child: the users were other threads of the parent */
void ps_use_fork_child(void);

#endif

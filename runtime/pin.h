/*
 * pin.h: blocks that are not dropped for a while, neither for the limit nor by ps_evict
 *
 * For calls that need more blocks at once than would stay otherwise, or whose
 * buffers are lazy memory.
 */
#ifndef PS_PIN_H
#define PS_PIN_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"

/*
 * ps_pin: these blocks stay from now on, if they are READY; returns what ps_unpin wants
 *
 * Where too many are pinned at the same time, all of the image stays. Not
 * inside a use of the image. Safe in a handler; one that leaves the call by
 * siglongjmp leaves them pinned.
 */
unsigned ps_pin(struct ps_image *image, uint64_t first, uint64_t count);
void ps_unpin(struct ps_image *image, unsigned pin);

/* ps_pin_widen: these blocks too, and all that lie between */
void ps_pin_widen(struct ps_image *image, unsigned pin, uint64_t first, uint64_t count);

/* ps_pin_any: is some block of the image pinned? */
bool ps_pin_any(const struct ps_image *image);

/* ps_pin_free: how many of these blocks, from the first on, are not pinned. For evictions, when
 * users are kept out. */
uint64_t ps_pin_free(const struct ps_image *image, uint64_t first, uint64_t count);

/* ps_pin_forget: the image begins anew */
void ps_pin_forget(struct ps_image *image);

/* ps_pin_fork_child: who has pinned was another thread of the parent */
void ps_pin_fork_child(void);

#endif

/*
 * profile.h: PS_PROFILE, the stacks that waited for data
 *
 * Each wait is appended to a file of this process, by one system call: registers
 * and the bytes of the stack. Who called whom, and the names, psctl finds
 * afterwards (unwind/waits.h): here no lock is taken and no library asked.
 */
#ifndef PS_PROFILE_H
#define PS_PROFILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "image.h"

extern _Atomic bool ps_profile_on;

static inline bool ps_profile_is_on(void)
{
    return atomic_load_explicit(&ps_profile_on, memory_order_relaxed);
}

/* ps_profile_start: if the configuration wants it; at each open of an object. Not in a handler. */
void ps_profile_start(void);

/* These do nothing while it is off. Safe in a handler, and at a fault. */

/* ps_profile_waited: this thread waited for blocks, from began_ns on, and goes on now */
void ps_profile_waited(const struct ps_image *image, uint64_t first, uint64_t count,
                       uint64_t began_ns);

/* ps_profile_touched: a thread sleeps in the kernel, as it touched the block */
void ps_profile_touched(const struct ps_image *image, uint64_t block, int thread);

/* ps_profile_arrived: blocks were fetched, from began_ns on; fault_ns: since when a touch of them
 * slept in the kernel, or 0 */
void ps_profile_arrived(const struct ps_image *image, uint64_t first, uint64_t count,
                        uint64_t began_ns, uint64_t fault_ns);

/* ps_profile_fork_child: a file of its own, when there is something to write */
void ps_profile_fork_child(void);

#endif

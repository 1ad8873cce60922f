/*
 * asleep.h: who sleeps in a touch that userfaultfd caught
 *
 * The kernel knows them by their address only, and a block may be shown at
 * thousands of places. So the thread that reads its events lists each touch
 * that it leaves waiting, and who publishes a block wakes those of its bytes.
 */
#ifndef PS_ASLEEP_H
#define PS_ASLEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"

/*
 * ps_asleep_add: a touch of that page, which shows the image from offset on, waits
 *
 * Before the state of its block is looked at: whoever changes it later sees the
 * touch listed. By one thread only.
 */
void ps_asleep_add(const struct ps_image *image, uint64_t offset, uintptr_t page);

/* ps_asleep_remove: it waits no more, or somebody else will wake it */
void ps_asleep_remove(uintptr_t page);

/*
 * ps_asleep_take: some page of which a touch waits for these bytes, and is listed no more; 0: none
 *
 * After the state of their blocks has changed. By any thread, and safe in a handler.
 */
uintptr_t ps_asleep_take(const struct ps_image *image, uint64_t offset, uint64_t size);

/* ps_asleep_all: is every touch that waits listed? Not once there were too many. */
bool ps_asleep_all(void);

/* ps_asleep_forget: nobody waits in that range any more */
void ps_asleep_forget(uintptr_t start, uintptr_t end);

#endif

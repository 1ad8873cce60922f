/*
 * release.h: which images nobody uses any more
 *
 * The program's descriptors come and go by many ways, some of them inside
 * libc, so they are not counted. When there are many images, or much memory
 * in them, the process's descriptors are looked through, and images that no
 * descriptor and no lazy memory refers to are released.
 */
#ifndef PS_RELEASE_H
#define PS_RELEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"

/*
 * ps_release_idle: release, if there is enough to make it worth while, or now
 *
 * Returns whether anything was released. Not in a handler.
 */
bool ps_release_idle(bool now);

/*
 * ps_release_hold_off: a descriptor of an image was made (open, dup, recvmsg)
 *
 * A look that is under way may have missed it. Before the reference is given
 * back by which it was made.
 */
void ps_release_hold_off(void);

/* ps_release_quiet: has nobody held off since the count of them was this? */
bool ps_release_quiet(uint32_t since);

/* ps_release_fork_child: the thread that looked is not in the child */
void ps_release_fork_child(void);

/* --- object.c --- */
uint32_t ps_object_slots(void);
bool ps_object_release(struct ps_image *image, uint32_t since);

#endif

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

/* ps_release_idle: release, if there is enough to make it worth while. Not in a handler. */
void ps_release_idle(void);

/* ps_release_hold_off: the program made a descriptor by copying another (dup, recvmsg): a look
 * that is under way may have missed it */
void ps_release_hold_off(void);

/* ps_release_fork_child: the thread that looked is not in the child */
void ps_release_fork_child(void);

/* --- object.c --- */
uint32_t ps_object_slots(void);
bool ps_object_release(struct ps_image *image);

#endif

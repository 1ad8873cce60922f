/*
 * join.h: which processes use an image
 *
 * Each has locks on the image's table, of an open file of its own, which go when
 * the process does, however it ends: a shared one that says that it is there, and
 * an exclusive one on the number that stands beside the blocks it is fetching.
 */
#ifndef PS_JOIN_H
#define PS_JOIN_H

#include <stdbool.h>

#include "image.h"

/*
 * ps_image_join: this process uses the image, until it ends or drops it
 *
 * 0, or a negative errno. It has a number then, if one is free. Waits for an
 * eviction by another process. In the child of a fork: for itself.
 */
int ps_image_join(struct ps_image *image);

/*
 * ps_image_claim: does no other process use the image? Then none will, until ps_image_share
 *
 * Processes that come meanwhile wait in ps_image_join. A process that dies in
 * between has shared it again.
 */
bool ps_image_claim(const struct ps_image *image);
void ps_image_share(const struct ps_image *image);

/* ps_image_left: has the other process that had this number ended? False where that is not known.
 */
bool ps_image_left(const struct ps_image *image, unsigned owner);

#endif

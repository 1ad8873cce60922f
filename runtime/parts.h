/*
 * parts.h: are the parts of an object what its store has sums of?
 *
 * Asked of a part by the worker that brings the last of its bytes, before
 * anybody can see them: who reads all of a part of other bytes than its store
 * has meets an error. The store is asked for its parts once, when so much of an
 * object has come that a part may be complete. Not asked of parts that were
 * never here at once, nor of those that another process has fetched some of.
 */
#ifndef PS_PARTS_H
#define PS_PARTS_H

#include "arrived.h"
#include "image.h"

/* ps_parts_begin: keep account of what comes, where a store may have sums. Before it is live. */
void ps_parts_begin(struct ps_image *image);
void ps_parts_end(struct ps_image *image);

/*
 * ps_parts_came: these bytes have come, and are not in the image yet
 *
 * On a worker. PS_E_CORRUPT: some part is not what the store has a sum of. Where
 * the store says nothing of it, it is as if it had no sums.
 */
int ps_parts_came(struct ps_image *image, const struct ps_arrival *last, struct ps_error *err);

/* ps_parts_gone: these blocks are dropped, or could not be written */
void ps_parts_gone(struct ps_image *image, uint64_t first, uint64_t count);

#endif

/*
 * digest.h: does an object that has all arrived have the digest that its proxy says?
 *
 * Asked once, by the worker that brings the last bytes, before anybody can see
 * them: who reads all of an object that is another one than its proxy's meets an
 * error.
 * Not asked of objects of which parts were dropped, and never were here at once,
 * nor where a process that fetched some has died: then nobody knows which bytes
 * are the last ones.
 */
#ifndef PS_DIGEST_H
#define PS_DIGEST_H

#include <stdbool.h>

#include "arrived.h"

/* ps_digest_begin: is a new image to be checked? Before it is live. */
void ps_digest_begin(struct ps_image *image);

/* ps_digest_is_due: it is to be checked, and was not yet. Safe in a signal handler. */
static inline bool ps_digest_is_due(const struct ps_image *image)
{
    return atomic_load_explicit(&image->digest_due, memory_order_relaxed);
}

/*
 * ps_digest_check: of all that is in the image, and of these last bytes, which are not in it yet
 *
 * On a worker. PS_E_CORRUPT, or the code of what was lacking to know.
 */
int ps_digest_check(struct ps_image *image, const struct ps_arrival *last, struct ps_error *err);

#endif

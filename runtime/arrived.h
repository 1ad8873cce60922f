/*
 * arrived.h: bytes that a worker has brought, and with them those that came before, as content
 *
 * For sums of them, which are compared before anybody can see the last ones.
 */
#ifndef PS_ARRIVED_H
#define PS_ARRIVED_H

#include <stdbool.h>

#include <ps/backend.h>

#include "image.h"

/* Bytes of an object, of blocks that are LOADING, and the caller's. */
struct ps_arrival {
    const char *bytes;
    size_t size;
    uint64_t offset;
};

/* Of an image, size bytes from offset on: what is in it, and the last ones, which are not yet. */
struct ps_arrived {
    struct ps_content content; /* first: its read finds the rest */
    const struct ps_image *image;
    const struct ps_arrival *last;
    uint64_t offset;
};

/*
 * ps_arrived: all of it has come; false: some of it does not get READY, within a second
 *
 * The caller has those blocks pinned. Valid as long as last is.
 */
bool ps_arrived(struct ps_arrived *arrived, const struct ps_image *image,
                const struct ps_arrival *last, uint64_t offset, uint64_t size);

#endif

/* read.h: reading an image at the descriptor's own offset, for the hooks of read and of streams */
#ifndef PS_READ_H
#define PS_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "view.h"

struct iovec;

/*
 * A part of an image that a call took for itself: other threads and processes
 * that share the offset take the parts behind it. Without that, two readers
 * could make one part ready and read another.
 */
struct ps_claim {
    int fd;
    uint64_t start; /* in the image */
    size_t wanted;  /* bytes by which the offset was moved */
    size_t size;    /* of them, those that the object has */
};

/* ps_claim_begin: move the descriptor's offset on by size bytes; a negative errno if it can't */
int ps_claim_begin(struct ps_claim *claim, int fd, size_t size, uint64_t object_size);

/* ps_claim_end: give back what was not used of the claim */
void ps_claim_end(const struct ps_claim *claim, ssize_t used);

/*
 * ps_read_view: read(2) on a descriptor that may be an image
 *
 * False: it is none. True: done, *result and errno as of read. The buffer is
 * pinned by pins, which the caller unpins in any case.
 */
bool ps_read_view(int fd, void *buffer, size_t size, const char *call, struct ps_pins *pins,
                  ssize_t *result);

/*
 * ps_read_prepare: pin a vector's buffers, and count their bytes
 *
 * 0 or -EIO; -EINVAL and -EFAULT are what is wrong with the vector, and the
 * kernel's to say.
 */
int ps_read_prepare(struct ps_pins *pins, const struct iovec *vector, int count, size_t *total,
                    const char *call);

#endif

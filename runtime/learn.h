/*
 * learn.h: the order in which a program fetched an object, for its next run
 *
 * With PS_LEARN, what is fetched of an object is noted in a file of that
 * folder, one for each program and version of an object. The next time, workers
 * that have nothing else to do fetch it in that order. The notes are hints:
 * wrong ones cost bytes, and are no more than any other look-ahead.
 */
#ifndef PS_LEARN_H
#define PS_LEARN_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"

/* ps_learn_open: read what was noted of an image, and note what comes. Not in a handler. */
void ps_learn_open(struct ps_image *image);
void ps_learn_close(struct ps_image *image);

/* ps_learn_note: these blocks were fetched, and nothing had said that they would be. A worker's. */
void ps_learn_note(const struct ps_image *image, uint64_t first, uint64_t count);

/* ps_learn_foretells: there are notes of an earlier run. Safe in a handler. */
bool ps_learn_foretells(const struct ps_image *image);

/* ps_learn_start: start the next fetch that was noted; false: there is none. A worker's. */
bool ps_learn_start(void);

#endif

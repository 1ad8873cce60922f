/*
 * memory.h: how much of the objects is in memory, and what goes first
 *
 * What this process fetched is queued as it comes. When PS_MEMORY is reached,
 * the oldest blocks are dropped from their images; a block that calls have read
 * since it was queued is queued once more (second chance: Corbato, "A Paging
 * Experiment with the Multics System", 1968, without its reference bits for
 * mapped memory, which the kernel does not tell). Pages that the program wrote
 * in private maps are its own and not counted.
 */
#ifndef PS_MEMORY_H
#define PS_MEMORY_H

#include "image.h"

/* ps_memory_limit: PS_MEMORY in bytes, or 0. Safe in a handler once an object was opened. */
uint64_t ps_memory_limit(void);

/* ps_memory_start: read the limit and make the queue, before the first image; 0 or a negative errno
 */
int ps_memory_start(uint64_t limit);

/*
 * ps_memory_expect: blocks are about to come; others are dropped if there is no room for these
 *
 * They count from now on, so that of many that come at once each sees the others: until
 * ps_memory_came, when they are READY, or ps_memory_failed. Holding no lock; safe in a handler.
 */
void ps_memory_expect(uint64_t bytes);
void ps_memory_came(const struct ps_image *image, uint64_t first, uint64_t count);
void ps_memory_failed(uint64_t bytes);

/* ps_memory_gone: bytes were dropped */
void ps_memory_gone(uint64_t bytes);

/* ps_memory_used: calls read these blocks */
void ps_memory_used(const struct ps_image *image, uint64_t first, uint64_t count);

/*
 * ps_memory_make_room: the kernel said that it has no memory: drop some, whatever the limit
 *
 * Returns whether something was dropped, by whichever thread. Holding no lock; safe in a handler.
 */
bool ps_memory_make_room(void);

/* ps_memory_fork_child: who made room, and what is expected, are the parent's */
void ps_memory_fork_child(void);

#endif

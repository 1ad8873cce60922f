/*
 * region.h: which addresses are lazy memory
 *
 * A sorted list. Writers take a lock; readers are fault handlers, so they take
 * none: a sequence number tells them that the list changed while they looked,
 * and they look again. A writer blocks all signals and touches no lazy
 * memory, so no reader ever spins on a writer of its own thread.
 *
 * A region that was found may be gone the next moment, and its addresses the
 * program's own. Who changes the mapping of lazy memory holds the lock, and
 * looks the region up again (ps_region_still) before.
 */
#ifndef PS_REGION_H
#define PS_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"

enum ps_region_engine {
    PS_REGION_PLAIN, /* a map that needs no watching: of a direct image, or of an empty object */
    PS_REGION_UFFD,
    PS_REGION_SEGV,
};

struct ps_region {
    uintptr_t start, end;   /* page-aligned */
    struct ps_image *image; /* of which the region holds a reference */
    uint64_t offset;        /* in the image, of start */
    int prot;      /* what the program asked for; segv memory is PROT_NONE where not ready */
    int engine;    /* an enum ps_region_engine */
    int read_only; /* 1: to the program a shared mapping of a read-only descriptor */
    int advice;    /* an enum ps_advice: the program's madvise */
    uint64_t map;  /* regions of one mmap or ps_lazy_map share it, also after a split */
};

/* ps_region_find: the region that holds address, with a reference to its image; false: none.
 * Safe in a handler. */
bool ps_region_find(uintptr_t address, struct ps_region *out);

/* ps_region_next: the lowest region that ends above address and begins below limit; with a
 * reference. Safe in a handler. */
bool ps_region_next(uintptr_t address, uintptr_t limit, struct ps_region *out);

/*
 * ps_region_next_of: the lowest region of that image that ends above address; with a reference
 *
 * Whether there are few or many others makes hardly a difference. Safe in a handler.
 */
bool ps_region_next_of(const struct ps_image *image, uintptr_t address, struct ps_region *out);

/* ps_region_near: may [address, address+size) hold lazy memory? Cheap enough for every system call.
 */
bool ps_region_near(uintptr_t address, size_t size);

/*
 * ps_region_lock, ps_region_unlock: between them the list does not change
 *
 * Nothing may wait for a fetch or an eviction in there, nor touch lazy memory.
 */
void ps_region_lock(uint64_t *mask);
void ps_region_unlock(const uint64_t *mask);

/*
 * ps_region_still: does address show the same byte of the same image as when *region was found?
 *
 * Then *region becomes what it is now: its limits and protection may have changed. Call it with the
 * lock, and with the reference to the image that comes from finding the region.
 */
bool ps_region_still(struct ps_region *region, uintptr_t address);

/* ps_region_add: the range is lazy from now on. Takes its own reference to region->image. */
int ps_region_add(const struct ps_region *region, struct ps_error *err);

/*
 * ps_region_room: could the range be removed? Or moved, which takes more? 0, or -ENOMEM
 *
 * As it may split regions, and the list may be full. With the lock, before the kernel is asked.
 */
int ps_region_room(uintptr_t start, uintptr_t end, bool moves);

/* ps_region_remove: the range is lazy no more; what sticks out of it on either side stays. With
 * the lock, when it is unmapped. */
void ps_region_remove(uintptr_t start, uintptr_t end);

/*
 * ps_region_set_prot: the program's mprotect; 0, or -ENOMEM when the list is full
 *
 * With the lock. What becomes equal to its neighbour is one region with it.
 */
int ps_region_set_prot(uintptr_t start, uintptr_t end, int prot);

/* ps_region_set_advice: the program's madvise; the same */
int ps_region_set_advice(uintptr_t start, uintptr_t end, enum ps_advice advice);

/*
 * ps_region_move: the kernel moved or resized memory that held regions (mremap), to [to, to_end)
 *
 * In one step: a touch of what stays in its place finds its region at any time. The last region of
 * a mapping that grew, grows with it, as far as the object goes. keep: what was at the old place is
 * lazy memory there still. With the lock.
 */
void ps_region_move(uintptr_t from, uintptr_t end, uintptr_t to, uintptr_t to_end, bool keep);

/* ps_region_set_engine: a region changes its engine, as its watch was lost; with the lock */
void ps_region_set_engine(uintptr_t start, uintptr_t end, int engine);

/* ps_region_map: a new number for ps_region.map */
uint64_t ps_region_map(void);

uint32_t ps_region_count(void);

#endif

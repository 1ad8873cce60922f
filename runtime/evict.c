/*
 * evict.c: see evict.h
 *
 * A block goes READY -> LOADING (nobody relies on it or fetches it now), its
 * pages leave the image and with it every mapping, then it goes ABSENT. In
 * that order a fetch can't write into a page that is just being dropped.
 * Pages that the program wrote in its private mapping are its own; punching
 * the image does not touch them.
 */
#include "evict.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>

#include "base/lock.h"
#include "base/sys.h"
#include "engine/engine.h"
#include "join.h"
#include "memory.h"
#include "parts.h"
#include "pin.h"
#include "stats.h"
#include "use.h"

/* Keeps forks out while blocks are dropped. */
struct ps_lock ps_evict_lock = PS_LOCK(PS_RANK_EVICT);

/* segv memory would show the hole as zeros: close it first, in this process's mappings. False: some
 * of it can't be. */
static bool close_segv(struct ps_image *image, uint64_t offset, uint64_t length)
{
    struct ps_region region;
    bool is_closed = true;
    uint64_t mask;

    ps_region_lock(&mask); /* what was unmapped meanwhile may be the program's own memory by now */
    for (uintptr_t at = 0; ps_region_next_of(image, at, &region); at = region.end) {
        uint64_t size = region.end - region.start, from, to;
        ps_image_put(region.image);
        if (offset + length <= region.offset || offset >= region.offset + size)
            continue;
        from = offset > region.offset ? offset - region.offset : 0;
        to = offset + length - region.offset < size ? offset + length - region.offset : size;
        is_closed &=
            ps_engine_close(&region, region.start + from, region.start + to, !ps_pin_any(image));
    }
    ps_region_unlock(&mask);
    return is_closed;
}

static uint64_t drop_run(struct ps_image *image, uint64_t first, uint64_t count)
{
    struct ps_table *table = image->table;
    uint64_t offset = first * table->block_size, length = count * table->block_size;
    uint64_t bytes = length < table->size - offset ? length : table->size - offset;
    int result = -ENOMEM;

    ps_parts_gone(image, first, count); /* first: nobody takes its part for complete any more */
    if (close_segv(image, offset, length))
        result = sys_fallocate(image->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                               (off_t)length);
    if (result == 0) /* first: who finds the blocks ABSENT may have them again at once */
        atomic_fetch_sub_explicit(&table->held, bytes, memory_order_relaxed);
    ps_table_set(table, first, count, image->owner, result == 0 ? PS_BLOCK_ABSENT : PS_BLOCK_READY);
    /* a touch that came meanwhile found LOADING, and waits for this */
    ps_engine_published(image, offset, length);
    if (result < 0)
        return 0;
    ps_memory_gone(length);
    ps_stats_count(&image->record->evicted, bytes);
    return bytes;
}

enum ps_evict ps_evict_begin(struct ps_image *image, uint64_t *mask)
{
    enum ps_evict result = PS_EVICT_BUSY;

    /* a child forked in here would inherit segv memory that is open on blocks just dropped */
    ps_lock(&ps_evict_lock, mask);
    if (ps_use_exclude(image)) {
        /* other processes have mappings of their own, which can't be closed from here */
        if (ps_image_claim(image))
            return PS_EVICT_BEGUN;
        ps_use_readmit(image);
        result = PS_EVICT_SHARED;
    }
    ps_unlock(&ps_evict_lock, mask);
    return result;
}

static uint64_t drop_ready(struct ps_image *image, uint64_t block, uint64_t end)
{
    uint64_t dropped = 0;

    while (block < end) {
        uint64_t run = ps_table_unready(image->table, block, end - block, image->owner);
        if (run > 0)
            dropped += drop_run(image, block, run);
        block += run > 0 ? run : 1;
    }
    return dropped;
}

uint64_t ps_evict_blocks(struct ps_image *image, uint64_t first, uint64_t count)
{
    uint64_t block = first, last = first + count, dropped = 0;

    while (block < last) {
        /* users are kept out: who pins, then enters, which waits for us */
        uint64_t pinned = block + ps_pin_free(image, block, last - block);

        dropped += drop_ready(image, block, pinned);
        block = pinned + 1;
    }
    return dropped;
}

void ps_evict_end(struct ps_image *image, const uint64_t *mask)
{
    ps_image_share(image);
    ps_use_readmit(image);
    ps_unlock(&ps_evict_lock, mask);
}

int64_t ps_evict_range(struct ps_image *image, uint64_t offset, uint64_t length)
{
    const struct ps_table *table = image->table;
    uint64_t size = table->block_size, end = offset + length;
    uint64_t first = (offset + size - 1) / size, mask;
    uint64_t last = end == table->size ? table->blocks : end / size, dropped;

    if (first >= last || ps_evict_begin(image, &mask) != PS_EVICT_BEGUN)
        return 0;
    dropped = ps_evict_blocks(image, first, last - first);
    ps_evict_end(image, &mask);
    return (int64_t)dropped;
}

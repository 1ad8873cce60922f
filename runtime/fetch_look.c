/*
 * fetch_look.c: blocks whose owner has ended, or does not come; see fetch.h
 *
 * Who waits for a block looks after it: what its owner left, or is too slow
 * with, is given back, to be fetched anew.
 */
#include "fetch.h"

#include "base/clock.h"
#include "base/lock.h"
#include "join.h"

/* An owner that ends leaves all that it had in flight, its look-ahead too. */
static void give_back_near(struct ps_image *image, uint64_t block, unsigned owner)
{
    enum { NEAR = 4096 };
    uint64_t first = block < NEAR ? 0 : block - NEAR, left = image->table->blocks - first;

    ps_table_set(image->table, first, left < 2 * NEAR ? left : 2 * NEAR, owner, PS_BLOCK_ABSENT);
}

/*
 * From one that lives, but is slow: what is around the block may be one request
 * with it. It may still write these blocks, whoever they belong to by then: so
 * nothing of the image is ever dropped again.
 */
static void give_back_run(struct ps_image *image, uint64_t block, unsigned owner)
{
    struct ps_table *table = image->table;
    uint64_t most = PS_REQUEST_MAX / table->block_size, first = block, end = block;

    while (first > 0 && block - first < most &&
           ps_table_state(table, first - 1) == PS_BLOCK_LOADING)
        first--;
    while (end < table->blocks && end - block < most &&
           ps_table_state(table, end) == PS_BLOCK_LOADING)
        end++;
    if (end == block || ps_table_owner(table, block) != owner)
        return; /* it has moved on just now */
    atomic_store(&table->unseen, 1);
    ps_table_set(table, first, end - first, owner, PS_BLOCK_ABSENT);
}

/*
 * What is LOADING under our own number, and nobody is at: a child has left it
 * whose fork went by without us. Evictions and pages that fail are at theirs,
 * hence the first two locks.
 */
static void give_back_forgotten(struct ps_image *image, uint64_t block)
{
    uint64_t evict_mask, regions_mask, mask;

    ps_lock(&ps_evict_lock, &evict_mask);
    ps_lock(&ps_regions_lock, &regions_mask);
    ps_lock(&ps_fetch_lock, &mask);
    if (!ps_fetch_has(image, block) && !ps_fetch_now_runs() &&
        ps_table_state(image->table, block) == PS_BLOCK_LOADING &&
        ps_table_owner(image->table, block) == image->owner) {
        atomic_store(&image->table->unseen, 1); /* as in give_back_run */
        ps_table_set(image->table, block, 1, image->owner, PS_BLOCK_ABSENT);
    }
    ps_unlock(&ps_fetch_lock, &mask);
    ps_unlock(&ps_regions_lock, &regions_mask);
    ps_unlock(&ps_evict_lock, &evict_mask);
}

void ps_fetch_look(struct ps_image *image, uint64_t block, struct ps_patience *patience)
{
    uint64_t now = ps_now_ms();
    unsigned owner = ps_table_owner(image->table, block);
    bool late;

    if (patience->began_ms == 0) {
        patience->began_ms = now;
    } else if (now - patience->looked_ms < PS_LOOK_MS) {
        return;
    } else {
        ps_fetch_await(image, block, patience->since);
        ps_fetch_expire();
    }
    patience->looked_ms = now;
    late = now - patience->began_ms > PS_LEASE_MS;
    if (late)
        patience->began_ms = now;
    if (ps_image_left(image, owner))
        give_back_near(image, block, owner);
    else if (late && (owner != image->owner || owner == 0))
        give_back_run(image, block, owner);
    else if (late)
        give_back_forgotten(image, block);
}

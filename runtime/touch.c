/* touch.c: see touch.h */
#include "touch.h"

#include "fetch.h"

/* After the touch's own request, so that it is behind it in the queue. */
static void look_ahead(struct ps_image *image, uint64_t first, uint64_t count)
{
    uint64_t from = 0, ahead;

    if (ps_table_complete(image->table))
        return;
    ahead = ps_ahead_access(&image->ahead, first, count, image->table->blocks,
                            image->table->block_size, &from);
    if (ahead > 0)
        ps_fetch_start(image, from, ahead, PS_FETCH_AHEAD);
}

bool ps_touch_start(struct ps_image *image, uint64_t first, uint64_t count)
{
    bool queued = ps_fetch_start(image, first, count, PS_FETCH_FAULT) == count;

    look_ahead(image, first, count);
    return queued && ps_fetch_serves(image, first);
}

int ps_touch(struct ps_image *image, uint64_t first, uint64_t count, uint64_t *failed,
             struct ps_error *err)
{
    int result;

    if (!ps_table_all_ready(image->table, first, count))
        ps_fetch_start(image, first, count, PS_FETCH_CALL);
    look_ahead(image, first, count);
    result = ps_fetch(image, first, count, err);
    if (result < 0 && failed != NULL)
        for (*failed = first;
             *failed + 1 < first + count && ps_table_state(image->table, *failed) == PS_BLOCK_READY;
             ++*failed)
            ;
    return result;
}

/* fetch_now.c: blocks of stores that never make anybody wait; see fetch.h */
#include "fetch.h"

#include "base/lock.h"
#include "digest.h"
#include "handle.h"

enum { SPARES = 8, SPARE_SIZE = 64 << 10 };

/* Buffers for ps_fetch_now: a handler's stack may have no room for one. */
static char spares[SPARES][SPARE_SIZE];
static _Atomic uint32_t spares_taken; /* a bit for each */

static int spare_take(void)
{
    for (int i = 0; i < SPARES; i++)
        if (!(atomic_fetch_or(&spares_taken, 1U << i) & 1U << i))
            return i;
    return -1;
}

bool ps_fetch_now(struct ps_image *image, uint64_t block)
{
    struct ps_request one = {.image = image, .run = {{block, 1}}, .runs = 1, .learned = true};
    struct ps_error error = {0};
    bool done = false;
    uint64_t mask;
    int spare;

    if (image->table->block_size > SPARE_SIZE || !ps_handle_is_instant(image->handle) ||
        ps_digest_is_due(image)) /* which takes more than a handler has */
        return false;
    /* a handler that jumped out of here would leave the block LOADING for ever */
    ps_signals_block(&mask);
    spare = spare_take();
    if (spare >= 0 && ps_table_claim(image->table, block, 1, image->owner) == 1) {
        ps_fetch_read(&one, spares[spare], &error);
        done = ps_fetch_publish(&one, spares[spare], &error);
    }
    if (spare >= 0)
        atomic_fetch_and(&spares_taken, ~(1U << spare));
    ps_signals_restore(&mask);
    return done;
}

bool ps_fetch_now_runs(void)
{
    return atomic_load(&spares_taken) != 0;
}

void ps_fetch_now_fork_child(void)
{
    atomic_store(&spares_taken, 0);
}

/* table.c: see table.h */
#include "table.h"

#include <limits.h>

#include "base/lock.h"

size_t ps_table_size(uint64_t blocks)
{
    return sizeof(struct ps_table) + ((size_t)blocks + 3) / 4 * 4;
}

void ps_table_init(struct ps_table *table, uint64_t size, uint32_t block_size)
{
    table->block_size = block_size;
    table->size = size;
    table->blocks = size / block_size + (size % block_size != 0);
    table->magic = PS_TABLE_MAGIC;
}

bool ps_table_all_ready(struct ps_table *table, uint64_t first, uint64_t count)
{
    if (ps_table_complete(table))
        return true;
    for (uint64_t block = first; block < first + count; block++)
        if (ps_table_state(table, block) != PS_BLOCK_READY)
            return false;
    return true;
}

bool ps_table_any_absent(struct ps_table *table, uint64_t first, uint64_t count)
{
    if (ps_table_complete(table))
        return false;
    for (uint64_t block = first; block < first + count; block++)
        if (ps_table_state(table, block) == PS_BLOCK_ABSENT)
            return true;
    return false;
}

static uint8_t loading(unsigned owner)
{
    return (uint8_t)(PS_BLOCK_LOADING | owner << 2);
}

static bool move(struct ps_table *table, uint64_t block, uint8_t from, uint8_t to)
{
    return atomic_compare_exchange_strong(&table->state[block], &from, to);
}

/* To LOADING, those in a row that are in one of two states. */
static uint64_t own(struct ps_table *table, uint64_t first, uint64_t most, unsigned owner,
                    enum ps_block_state from, enum ps_block_state or_from)
{
    uint64_t run = 0;

    if (most == 0 ||
        (ps_table_state(table, first) != from && ps_table_state(table, first) != or_from))
        return 0;
    /* counted first: what an owner that dies in here leaves is never more than its count */
    atomic_fetch_add(&table->loading[owner], (uint32_t)most);
    while (run < most && (move(table, first + run, from, loading(owner)) ||
                          move(table, first + run, or_from, loading(owner))))
        run++;
    atomic_fetch_sub(&table->loading[owner], (uint32_t)(most - run));
    return run;
}

uint64_t ps_table_claim(struct ps_table *table, uint64_t first, uint64_t most, unsigned owner)
{
    return own(table, first, most, owner, PS_BLOCK_ABSENT, PS_BLOCK_FAILED);
}

uint64_t ps_table_unready(struct ps_table *table, uint64_t first, uint64_t most, unsigned owner)
{
    uint64_t run;

    /* counted first: who dies in here leaves the count too low, which is slower, and not wrong */
    atomic_fetch_sub(&table->ready, most);
    run = own(table, first, most, owner, PS_BLOCK_READY, PS_BLOCK_READY);
    atomic_fetch_add(&table->ready, most - run);
    return run;
}

static _Atomic uint32_t *word_of(struct ps_table *table, uint64_t block)
{
    return (_Atomic uint32_t *)(void *)&table->state[block & ~UINT64_C(3)];
}

void ps_table_set(struct ps_table *table, uint64_t first, uint64_t count, unsigned owner,
                  enum ps_block_state to)
{
    uint64_t moved = 0;

    /* a block that was taken from a slow owner is not its any more */
    for (uint64_t block = first; block < first + count; block++)
        if (atomic_load_explicit(&table->state[block], memory_order_relaxed) == loading(owner))
            moved += move(table, block, loading(owner), (uint8_t)to);
    atomic_fetch_sub_explicit(&table->loading[owner], (uint32_t)moved, memory_order_release);
    if (to == PS_BLOCK_READY)
        atomic_fetch_add_explicit(&table->ready, moved, memory_order_release);
    /*
     * A waiter raises waiters, then looks at the state; this side stores the
     * state, then looks at waiters. Without the fence both could look too
     * early, and the waiter would sleep through.
     */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&table->waiters, memory_order_relaxed) == 0)
        return;
    for (uint64_t block = first & ~UINT64_C(3); block < first + count; block += 4)
        ps_wake(word_of(table, block), INT_MAX, true);
}

enum ps_block_state ps_table_wait(struct ps_table *table, uint64_t block, unsigned ms)
{
    _Atomic uint32_t *word = word_of(table, block);
    enum ps_block_state state;
    uint32_t seen;

    atomic_fetch_add(&table->waiters, 1);
    atomic_thread_fence(memory_order_seq_cst); /* see ps_table_set */
    seen = atomic_load_explicit(word, memory_order_acquire);
    state = ps_table_state(table, block);
    if (state == PS_BLOCK_LOADING) {
        /* a neighbour in the word that changed meanwhile makes this return at once: look again */
        ps_wait(word, seen, ms, true);
        state = ps_table_state(table, block);
    }
    atomic_fetch_sub(&table->waiters, 1);
    return state;
}

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

bool ps_table_claim(struct ps_table *table, uint64_t block)
{
    uint8_t from = PS_BLOCK_ABSENT;

    if (atomic_compare_exchange_strong(&table->state[block], &from, PS_BLOCK_LOADING))
        return true;
    return from == PS_BLOCK_FAILED &&
           atomic_compare_exchange_strong(&table->state[block], &from, PS_BLOCK_LOADING);
}

static _Atomic uint32_t *word_of(struct ps_table *table, uint64_t block)
{
    return (_Atomic uint32_t *)(void *)&table->state[block & ~UINT64_C(3)];
}

void ps_table_set(struct ps_table *table, uint64_t first, uint64_t count, enum ps_block_state to)
{
    uint64_t became_ready = 0;

    /* A block that was taken over from a slow owner may be READY already: count it once. */
    for (uint64_t block = first; block < first + count; block++) {
        uint8_t from = atomic_load_explicit(&table->state[block], memory_order_relaxed);
        do {
            if (from == PS_BLOCK_READY)
                break;
        } while (!atomic_compare_exchange_weak_explicit(
            &table->state[block], &from, (uint8_t)to, memory_order_release, memory_order_relaxed));
        became_ready += from != PS_BLOCK_READY && to == PS_BLOCK_READY;
    }
    if (became_ready > 0)
        atomic_fetch_add_explicit(&table->ready, became_ready, memory_order_release);
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

enum ps_block_state ps_table_wait(struct ps_table *table, uint64_t block)
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
        ps_wait(word, seen, PS_LEASE_MS, true);
        state = ps_table_state(table, block);
    }
    atomic_fetch_sub(&table->waiters, 1);
    return state;
}

bool ps_table_unready(struct ps_table *table, uint64_t block)
{
    uint8_t from = PS_BLOCK_READY;

    if (!atomic_compare_exchange_strong(&table->state[block], &from, PS_BLOCK_LOADING))
        return false;
    atomic_fetch_sub_explicit(&table->ready, 1, memory_order_release);
    return true;
}

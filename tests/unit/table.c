/* table.c: the states of blocks, and who may wait for whom */
#include <criterion/criterion.h>

#include <pthread.h>
#include <unistd.h>

#include "table.h"

/* A new table, until the next call. */
static struct ps_table *table_new(uint64_t size)
{
    static _Alignas(64) char memory[1 << 20];
    struct ps_table *table = (void *)memory;

    cr_assert_leq(ps_table_size(size / 4096 + 1), sizeof(memory));
    memset(memory, 0, sizeof(memory));
    ps_table_init(table, size, 4096);
    return table;
}

Test(table, blocks_cover_the_object)
{
    cr_expect_eq(table_new(0)->blocks, 0);
    cr_expect_eq(table_new(1)->blocks, 1);
    cr_expect_eq(table_new(4096)->blocks, 1);
    cr_expect_eq(table_new(4097)->blocks, 2);
    cr_expect(ps_table_complete(table_new(0)), "an empty object is all there");
}

enum { ME = 1, OTHER = 63 };

Test(table, a_block_is_claimed_once_until_it_failed)
{
    struct ps_table *table = table_new(10 * 4096);

    cr_expect_eq(ps_table_claim(table, 3, 1, ME), 1);
    cr_expect_eq(ps_table_claim(table, 3, 1, ME), 0);
    ps_table_set(table, 3, 1, ME, PS_BLOCK_FAILED);
    cr_expect_eq(ps_table_claim(table, 3, 1, ME), 1, "a failed block is tried again");
    ps_table_set(table, 3, 1, ME, PS_BLOCK_READY);
    cr_expect_eq(ps_table_claim(table, 3, 1, ME), 0);
    cr_expect(ps_table_all_ready(table, 3, 1));
    cr_expect_not(ps_table_all_ready(table, 2, 2));
}

Test(table, blocks_are_claimed_up_to_the_first_that_is_taken)
{
    struct ps_table *table = table_new(10 * 4096);

    cr_expect_eq(ps_table_claim(table, 6, 1, OTHER), 1);
    cr_expect_eq(ps_table_claim(table, 2, 8, ME), 4);
    cr_expect_eq(ps_table_owner(table, 5), ME);
    cr_expect_eq(ps_table_owner(table, 6), OTHER);
    cr_expect_eq(ps_table_state(table, 7), PS_BLOCK_ABSENT);
    cr_expect_eq(atomic_load(&table->loading[ME]), 4);
    cr_expect_eq(atomic_load(&table->loading[OTHER]), 1);
    ps_table_set(table, 2, 4, ME, PS_BLOCK_READY);
    cr_expect_eq(atomic_load(&table->loading[ME]), 0);
}

Test(table, ready_is_counted_once_and_what_was_given_back_is_nobodys)
{
    struct ps_table *table = table_new(2 * 4096);

    ps_table_claim(table, 0, 1, OTHER);
    ps_table_set(table, 0, 1, OTHER, PS_BLOCK_ABSENT);
    cr_expect_eq(atomic_load(&table->loading[OTHER]), 0, "its number is free again");
    ps_table_claim(table, 0, 1, ME);
    /* the slow owner comes late: with an error, or with bytes */
    ps_table_set(table, 0, 1, OTHER, PS_BLOCK_FAILED);
    ps_table_set(table, 0, 1, OTHER, PS_BLOCK_READY);
    cr_expect_eq(ps_table_state(table, 0), PS_BLOCK_LOADING);
    ps_table_set(table, 0, 1, ME, PS_BLOCK_READY);
    ps_table_set(table, 0, 1, OTHER, PS_BLOCK_READY);
    cr_expect_eq(atomic_load(&table->ready), 1);
    cr_expect_eq(ps_table_state(table, 0), PS_BLOCK_READY);
    ps_table_claim(table, 1, 1, ME);
    ps_table_set(table, 1, 1, ME, PS_BLOCK_READY);
    cr_expect(ps_table_complete(table));
    cr_expect_eq(ps_table_unready(table, 1, 1, ME), 1);
    cr_expect_not(ps_table_complete(table));
    cr_expect_eq(atomic_load(&table->loading[ME]), 1);
}

struct waiter {
    struct ps_table *table;
    uint64_t block;
    enum ps_block_state seen;
};

static void *wait_for_block(void *argument)
{
    struct waiter *waiter = argument;

    do
        waiter->seen = ps_table_wait(waiter->table, waiter->block, 1000);
    while (waiter->seen == PS_BLOCK_LOADING);
    return NULL;
}

Test(table, every_waiter_wakes, .timeout = 20)
{
    for (int round = 0; round < 200; round++) {
        struct ps_table *table = table_new(8 * 4096);
        struct waiter waiter[8];
        pthread_t thread[8];

        for (uint64_t i = 0; i < 8; i++) {
            ps_table_claim(table, i, 1, ME);
            waiter[i] = (struct waiter){table, i, PS_BLOCK_ABSENT};
            pthread_create(&thread[i], NULL, wait_for_block, &waiter[i]);
        }
        /* neighbours share a futex word: each must see its own block move */
        for (uint64_t i = 0; i < 8; i++)
            ps_table_set(table, i, 1, ME, i % 2 ? PS_BLOCK_FAILED : PS_BLOCK_READY);
        for (uint64_t i = 0; i < 8; i++) {
            pthread_join(thread[i], NULL);
            cr_assert_eq(waiter[i].seen, i % 2 ? PS_BLOCK_FAILED : PS_BLOCK_READY);
        }
        cr_assert_eq(atomic_load(&table->waiters), 0);
    }
}

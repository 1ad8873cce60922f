/* asleep.c: touches that wait are woken by who publishes their bytes, and by nobody else */
#include <criterion/criterion.h>

#include <pthread.h>
#include <stdatomic.h>

#include "../../runtime/engine/asleep.h"

static struct ps_image first, second;

Test(asleep, who_publishes_takes_what_waits_for_these_bytes)
{
    ps_asleep_add(&first, 0x4000, 0x10000);
    ps_asleep_add(&first, 0x5000, 0x20000);
    ps_asleep_add(&second, 0x4000, 0x30000);
    cr_expect_eq(ps_asleep_take(&first, 0, 0x4000), 0);
    cr_expect_eq(ps_asleep_take(&first, 0x6000, 0x4000), 0);
    cr_expect_eq(ps_asleep_take(&first, 0x4000, 0x1000), 0x10000);
    cr_expect_eq(ps_asleep_take(&first, 0x4000, 0x1000), 0);
    cr_expect_eq(ps_asleep_take(&first, 0, 0x10000), 0x20000);
    cr_expect_eq(ps_asleep_take(&second, 0, 0x10000), 0x30000);
    cr_expect(ps_asleep_all());
}

Test(asleep, a_block_shown_at_two_places_wakes_both)
{
    ps_asleep_add(&first, 0x4000, 0x10000);
    ps_asleep_add(&first, 0x4000, 0x20000);
    cr_expect_eq(ps_asleep_take(&first, 0x4000, 1) + ps_asleep_take(&first, 0x4000, 1), 0x30000);
    cr_expect_eq(ps_asleep_take(&first, 0x4000, 1), 0);
}

/* As a thread does that signals interrupt. */
Test(asleep, a_touch_that_is_repeated_is_listed_once)
{
    for (int i = 0; i < 10000; i++)
        ps_asleep_add(&first, 0x4000, 0x10000);
    cr_expect(ps_asleep_all());
    cr_expect_eq(ps_asleep_take(&first, 0, 0x10000), 0x10000);
    cr_expect_eq(ps_asleep_take(&first, 0, 0x10000), 0);
}

Test(asleep, what_is_removed_or_unmapped_is_forgotten)
{
    for (uintptr_t page = 0x1000; page <= 0x8000; page += 0x1000)
        ps_asleep_add(&first, page, page);
    ps_asleep_remove(0x1000);
    ps_asleep_remove(0x9000);
    ps_asleep_forget(0x2000, 0x8000);
    cr_expect_eq(ps_asleep_take(&first, 0, 0x10000), 0x8000);
    cr_expect_eq(ps_asleep_take(&first, 0, 0x10000), 0);
}

Test(asleep, too_many_are_known_not_to_be_listed)
{
    for (uintptr_t page = 0x1000; page <= 0x81000; page += 0x1000)
        ps_asleep_add(&first, page, page);
    cr_expect(!ps_asleep_all());
}

/*
 * As a handler and a worker do: one lists, then looks at the state; the other
 * changes the state, then takes. In each round one of them must see the other.
 */
enum { ROUNDS = 60000 };
static _Atomic int state, round_now, taken;

static void *publish(void *unused)
{
    for (int i = 1; i <= ROUNDS; i++) {
        while (atomic_load(&round_now) != i)
            ;
        atomic_store_explicit(&state, i, memory_order_release);
        atomic_store(&taken, ps_asleep_take(&first, 0, 0x1000) != 0 ? i : -i);
    }
    return unused;
}

Test(asleep, nobody_is_missed)
{
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, publish, NULL), 0);
    for (int i = 1; i <= ROUNDS; i++) {
        bool seen;

        atomic_store_explicit(&round_now, i, memory_order_relaxed);
        ps_asleep_add(&first, 0, 0x1000);
        seen = atomic_load_explicit(&state, memory_order_acquire) == i;
        while (atomic_load(&taken) != i && atomic_load(&taken) != -i)
            ;
        cr_assert(seen || atomic_load(&taken) == i, "round %d", i);
        ps_asleep_remove(0x1000);
    }
    pthread_join(thread, NULL);
}

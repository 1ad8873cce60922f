/* ahead.c: what is fetched ahead of which accesses */
#include <criterion/criterion.h>

#include "ahead.h"

enum { BLOCKS = 1 << 20, BLOCK = 4096 };

/* Access count blocks at first; returns how far is fetched ahead of the end of the access. */
static uint64_t touch(struct ps_ahead *ahead, uint64_t first, uint64_t count, uint64_t *asked)
{
    struct ps_ahead_plan plan;

    if (!ps_ahead_access(ahead, first, count, BLOCKS, BLOCK, &plan))
        return 0;
    cr_assert(plan.first + plan.count <= first || plan.first >= first + count,
              "what is touched now is no look ahead");
    *asked += plan.count * plan.times;
    if (plan.backward)
        return first - plan.first;
    return plan.first + plan.count - (first + count);
}

Test(ahead, a_single_access_fetches_nothing_more)
{
    struct ps_ahead ahead = {0};
    uint64_t asked = 0;

    touch(&ahead, 100, 32, &asked);
    cr_expect_eq(asked, 0);
}

Test(ahead, sequential_access_grows_a_window_and_keeps_it_full)
{
    struct ps_ahead ahead = {0};
    uint64_t asked = 0, widest = 0;

    for (uint64_t block = 0; block < 8192; block += 32) {
        uint64_t window = touch(&ahead, block, 32, &asked);
        widest = window > widest ? window : widest;
        cr_assert_leq(window, block + 32, "no more in vain than was used");
    }
    cr_expect_geq(widest, 1024, "4 MiB at least");
    cr_expect_geq(asked, 8192 - 64);
}

Test(ahead, random_access_fetches_nothing_ahead)
{
    struct ps_ahead ahead = {0};
    uint64_t asked = 0, seed = 1;

    for (int i = 0; i < 10000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        touch(&ahead, (seed >> 33) % BLOCKS, 1, &asked);
    }
    cr_expect_leq(asked, 10000 / 20, "a few chance neighbours at most");
}

Test(ahead, several_streams_at_once)
{
    struct ps_ahead ahead = {0};
    uint64_t asked[4] = {0};

    for (uint64_t step = 0; step < 64; step++)
        for (uint64_t stream = 0; stream < 4; stream++)
            touch(&ahead, stream * 100000 + step * 16, 16, &asked[stream]);
    for (int stream = 0; stream < 4; stream++)
        cr_expect_geq(asked[stream], 512, "stream %d was not noticed", stream);
}

/* As memmove does it, and tac. */
Test(ahead, backward_access_is_a_stream_too)
{
    struct ps_ahead ahead = {0};
    uint64_t asked = 0, widest = 0;

    for (uint64_t block = 9000; block > 800; block--) {
        uint64_t window = touch(&ahead, block, 1, &asked);
        widest = window > widest ? window : widest;
        cr_assert_leq(window, 9001 - block, "no more in vain than was used");
    }
    cr_expect_geq(widest, 1024, "4 MiB at least");
    cr_expect_geq(asked, 8192 - 64);
}

static void stride_of(int64_t stride)
{
    struct ps_ahead ahead = {0};
    uint64_t at = 500000, wanted = 0, hits = 0, seen[4096] = {0};
    struct ps_ahead_plan plan;

    for (int i = 0; i < 1000; i++, at += (uint64_t)stride) {
        for (uint64_t k = 0; k < wanted; k++)
            hits += seen[k] == at;
        if (!ps_ahead_access(&ahead, at, 1, BLOCKS, BLOCK, &plan))
            continue;
        cr_assert_eq(plan.stride, stride);
        for (uint64_t k = 0; k < plan.times; k++)
            seen[wanted++] = plan.first + k * (uint64_t)plan.stride;
    }
    cr_expect_eq(hits, 997, "all but the first three were asked for before: %d", (int)hits);
    cr_expect_leq(wanted, 997 + 64);
}

Test(ahead, strided_access_of_either_sign)
{
    stride_of(16);
    stride_of(-16);
    stride_of(3);
    stride_of(-300);
}

Test(ahead, neighbouring_streams_are_told_apart)
{
    struct ps_ahead ahead = {0};
    uint64_t asked[4] = {0};

    for (uint64_t step = 0; step < 64; step++) {
        touch(&ahead, 1000 + step * 4, 4, &asked[0]);
        touch(&ahead, 1700 + step * 4, 4, &asked[1]);
        touch(&ahead, 3000 - step * 4, 4, &asked[2]);
        touch(&ahead, 3100 + step * 10, 1, &asked[3]);
    }
    for (int stream = 0; stream < 3; stream++)
        cr_expect_geq(asked[stream], 200, "stream %d was not noticed", stream);
    cr_expect_geq(asked[3], 60);
}

/* Many short runs: what is asked for ahead of each is never used. */
Test(ahead, windows_that_go_unused_shrink)
{
    struct ps_ahead ahead = {0};
    uint64_t early = 0, late = 0;

    for (uint64_t run = 0; run < 200; run++)
        for (uint64_t step = 0; step < 16; step++)
            touch(&ahead, run * 5000 + step * 32, 32, run < 20 ? &early : &late);
    cr_expect_lt(late / 180, early / 20);
    cr_expect_gt(atomic_load(&ahead.unused), 0);
}

Test(ahead, nothing_beyond_the_end)
{
    struct ps_ahead ahead = {0}, down = {0}, strided = {0};
    struct ps_ahead_plan plan;

    for (uint64_t i = 0; i < 10; i++) {
        if (ps_ahead_access(&ahead, i * 10, 10, 100, BLOCK, &plan))
            cr_assert_leq(plan.first + plan.count, 100);
        if (ps_ahead_access(&down, 90 - i * 10, 10, 100, BLOCK, &plan))
            cr_assert_leq(plan.first + plan.count, 100);
        if (ps_ahead_access(&strided, i * 10, 3, 100, BLOCK, &plan))
            cr_assert_leq(plan.first + (plan.times - 1) * 10 + plan.count, 100);
    }
}

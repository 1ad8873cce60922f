/* ahead.c: what is fetched ahead of which accesses */
#include <criterion/criterion.h>

#include "ahead.h"

enum { BLOCKS = 1 << 20, BLOCK = 4096 };

/* Access count blocks at first; returns how far is fetched ahead of the end of the access. */
static uint64_t touch(struct ps_ahead *ahead, uint64_t first, uint64_t count, uint64_t *asked)
{
    uint64_t from = 0, more = ps_ahead_access(ahead, first, count, BLOCKS, BLOCK, &from);

    if (more > 0)
        cr_assert_geq(from, first + count, "what is touched now is no look ahead");
    *asked += more;
    return more > 0 ? from + more - (first + count) : 0;
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

Test(ahead, nothing_beyond_the_end)
{
    struct ps_ahead ahead = {0};
    uint64_t from = 0, end = 0;

    for (uint64_t block = 0; block < 100; block += 10) {
        uint64_t more = ps_ahead_access(&ahead, block, 10, 100, BLOCK, &from);
        if (more > 0)
            end = from + more;
        cr_assert_leq(end, 100);
    }
}

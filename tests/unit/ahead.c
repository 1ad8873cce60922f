/* ahead.c: what is fetched ahead of which accesses */
#include <string.h>

#include <criterion/criterion.h>

#include "ahead.h"

enum { BLOCKS = 1 << 20, BLOCK = 4096 };

static enum ps_advice advice; /* of all accesses of a test */

static struct ps_pace local, remote = {.is_remote = true};

/* Access count blocks at first; returns how far is fetched ahead of the end of the access. */
static uint64_t touch(struct ps_ahead *ahead, uint64_t first, uint64_t count, uint64_t *asked)
{
    struct ps_ahead_plan plan;

    if (!ps_ahead_access(ahead, &(struct ps_access){first, count, advice, false}, BLOCKS, BLOCK,
                         &plan))
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
    struct ps_ahead ahead = {.pace = &local};
    uint64_t asked = 0;

    touch(&ahead, 100, 32, &asked);
    cr_expect_eq(asked, 0);
}

Test(ahead, sequential_access_grows_a_window_and_keeps_it_full)
{
    struct ps_ahead ahead = {.pace = &local};
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
    struct ps_ahead ahead = {.pace = &local};
    uint64_t asked = 0, seed = 1;

    for (int i = 0; i < 10000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        touch(&ahead, (seed >> 33) % BLOCKS, 1, &asked);
    }
    cr_expect_leq(asked, 10000 / 20, "a few chance neighbours at most");
}

Test(ahead, several_streams_at_once)
{
    struct ps_ahead ahead = {.pace = &local};
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
    struct ps_ahead ahead = {.pace = &local};
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
    struct ps_ahead ahead = {.pace = &local};
    uint64_t at = 500000, wanted = 0, hits = 0, seen[4096] = {0};
    struct ps_ahead_plan plan;

    for (int i = 0; i < 1000; i++, at += (uint64_t)stride) {
        for (uint64_t k = 0; k < wanted; k++)
            hits += seen[k] == at;
        if (!ps_ahead_access(&ahead, &(struct ps_access){.first = at, .count = 1}, BLOCKS, BLOCK,
                             &plan))
            continue;
        cr_assert_eq(plan.stride, stride);
        for (uint64_t k = 0; k < plan.times; k++)
            seen[wanted++] = plan.first + k * (uint64_t)plan.stride;
    }
    cr_expect_eq(hits, 997, "all but the first three were asked for before: %d", (int)hits);
    cr_expect_leq(wanted, 997 + 64);
}

/* With uffd only the touches of what is not there are seen: behind each window one. */
Test(ahead, a_strided_stream_goes_on_behind_what_it_asked_for)
{
    struct ps_ahead ahead = {.pace = &local};
    struct ps_ahead_plan plan;
    uint64_t at = 0, misses = 0;

    while (at < 16 * 5000) {
        misses++;
        at += ps_ahead_access(&ahead, &(struct ps_access){at, 1, PS_ADVICE_NORMAL, true}, 1000000,
                              BLOCK, &plan)
                  ? 16 * (plan.times + 1)
                  : 16;
    }
    cr_assert_lt(misses, 100);
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
    struct ps_ahead ahead = {.pace = &local};
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
    struct ps_ahead ahead = {.pace = &local};
    uint64_t early = 0, late = 0;

    for (uint64_t run = 0; run < 200; run++)
        for (uint64_t step = 0; step < 16; step++)
            touch(&ahead, run * 5000 + step * 32, 32, run < 20 ? &early : &late);
    cr_expect_lt(late / 180, early / 20);
    cr_expect_gt(atomic_load(&ahead.unused), 0);
}

Test(ahead, what_is_said_to_be_random_is_never_a_stream)
{
    struct ps_ahead ahead = {.pace = &local};
    uint64_t asked = 0;

    advice = PS_ADVICE_RANDOM;
    for (uint64_t block = 0; block < 8192; block += 32)
        touch(&ahead, block, 32, &asked);
    cr_expect_eq(asked, 0);
    advice = PS_ADVICE_NORMAL;
    touch(&ahead, 8192, 32, &asked);
    cr_expect_eq(asked, 0, "nor is it remembered as one");
}

Test(ahead, what_is_said_to_be_sequential_is_a_stream_at_once)
{
    struct ps_ahead ahead = {.pace = &local};
    uint64_t asked = 0;

    advice = PS_ADVICE_SEQUENTIAL;
    cr_expect_eq(touch(&ahead, 0, 1, &asked), 32, "a first window: 128 KiB");
    for (uint64_t block = 1; block < 8192; block++)
        cr_assert_leq(touch(&ahead, block, 1, &asked), block < 16 ? 32 : 2 * (block + 1),
                      "twice what was used at most");
    cr_expect_geq(asked, 8192);
}

/* The same accesses, of the first MiB: what is said to be sequential is further ahead. */
Test(ahead, windows_begin_larger_where_it_was_said)
{
    struct ps_ahead plain = {.pace = &local}, told = {.pace = &local};
    uint64_t of_plain = 0, of_told = 0;
    int further = 0;

    for (uint64_t block = 0; block < 256; block += 32) {
        advice = PS_ADVICE_NORMAL;
        touch(&plain, block, 32, &of_plain);
        advice = PS_ADVICE_SEQUENTIAL;
        touch(&told, block, 32, &of_told);
        cr_assert_geq(of_told, of_plain);
        further += of_told > of_plain;
    }
    cr_expect_geq(further, 7, "of 8 times: %d", further);
}

Test(ahead, a_wrong_word_is_soon_believed_no_more)
{
    struct ps_ahead ahead = {.pace = &local};
    uint64_t asked = 0, seed = 1;

    advice = PS_ADVICE_SEQUENTIAL;
    for (int i = 0; i < 10000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        touch(&ahead, (seed >> 33) % BLOCKS, 1, &asked);
    }
    cr_expect_leq(asked, 10000 / 2, "it was %lu", asked);
    asked = 0;
    for (uint64_t block = 0; block < 8192; block += 32)
        touch(&ahead, block, 32, &asked);
    cr_expect_geq(asked, 8192 - 64, "a stream is one all the same");
}

/* How many of so many accesses, step blocks apart, meet a block that nobody has asked for? */
static int misses(struct ps_ahead *ahead, uint64_t at, int64_t step, int accesses)
{
    static bool asked[BLOCKS];
    struct ps_ahead_plan plan;
    int missed = 0;

    memset(asked, 0, sizeof(asked)); /* all that was here is evicted */
    for (int i = 0; i < accesses; i++, at += (uint64_t)step) {
        struct ps_access access = {at, 1, PS_ADVICE_NORMAL, !asked[at]};

        missed += access.is_missed;
        if (!access.is_missed)
            continue; /* with uffd nobody sees it */
        if (ps_ahead_access(ahead, &access, BLOCKS, BLOCK, &plan))
            for (uint64_t k = 0; k < plan.times; k++, plan.first += (uint64_t)plan.stride)
                memset(asked + plan.first, true, plan.count);
    }
    return missed;
}

static void scan_again(uint64_t at, int64_t step)
{
    struct ps_ahead ahead = {.pace = &local};

    for (int i = 0; i < 5; i++) {
        int accesses = 5000 + 777 * i, missed = misses(&ahead, at, step, accesses);

        /* windows of strides are of 64 accesses at most */
        cr_expect_lt(missed, 60 + accesses / 64, "scan %d by %d: %d", i, (int)step, missed);
    }
}

Test(ahead, a_scan_of_what_was_evicted_since_is_looked_ahead_of_as_the_first)
{
    scan_again(1000, 1);
    scan_again(BLOCKS - 1000, -1);
    scan_again(1000, 16);
    scan_again(BLOCKS - 1000, -16);
}

/* Where each block that is asked for is evicted before it is used, little more than that is asked
 * for. */
Test(ahead, a_scan_that_memory_has_no_room_for_asks_for_little)
{
    struct ps_ahead ahead = {.pace = &local};
    struct ps_ahead_plan plan;
    uint64_t asked = 0;

    for (uint64_t at = 0; at < 5000; at++)
        if (ps_ahead_access(&ahead, &(struct ps_access){at, 1, PS_ADVICE_NORMAL, true}, BLOCKS,
                            BLOCK, &plan))
            asked += plan.count * plan.times;
    cr_expect_leq(asked, 3 * 5000, "%d", (int)asked);
}

Test(ahead, nothing_beyond_the_end)
{
    struct ps_ahead ahead = {.pace = &local}, down = {.pace = &local}, strided = {.pace = &local};
    struct ps_ahead_plan plan;

    for (uint64_t i = 0; i < 10; i++) {
        if (ps_ahead_access(&ahead, &(struct ps_access){.first = i * 10, .count = 10}, 100, BLOCK,
                            &plan))
            cr_assert_leq(plan.first + plan.count, 100);
        if (ps_ahead_access(&down, &(struct ps_access){.first = 90 - i * 10, .count = 10}, 100,
                            BLOCK, &plan))
            cr_assert_leq(plan.first + plan.count, 100);
        if (ps_ahead_access(&strided, &(struct ps_access){.first = i * 10, .count = 3}, 100, BLOCK,
                            &plan))
            cr_assert_leq(plan.first + (plan.times - 1) * 10 + plan.count, 100);
    }
}

/* The widest window of a reader of it all, where requests of 1 MiB take so long and come so often.
 */
static uint64_t widest_at(uint64_t latency_ns, uint64_t requests_per_s, uint32_t window_max)
{
    struct ps_pace pace = {0};
    struct ps_ahead ahead = {.pace = &pace, .window_max = window_max};
    uint64_t asked = 0, widest = 0, now = 1000000000;

    for (uint64_t block = 0; block < 1 << 16; block += 256) {
        uint64_t window = touch(&ahead, block, 256, &asked);
        widest = window > widest ? window : widest;
        now += 1000000000 / requests_per_s;
        ps_ahead_measure(&pace, 256 * BLOCK, latency_ns, now);
    }
    return widest * BLOCK;
}

Test(ahead, a_link_that_is_long_and_wide_is_kept_full)
{
    cr_expect_geq(widest_at(10000000, 250, 0), 10 * 250000 * 8 * 9 / 10, "10 ms and 250 MB/s");
    cr_expect_leq(widest_at(10000000, 250, 0), 10 * 250000 * 8 * 12 / 10);
    cr_expect_leq(widest_at(500000, 1000, 0), 8 << 20, "what is near needs no more");
    cr_expect_leq(widest_at(2000000000, 10000, 0), 64 << 20, "there is an end");
    cr_expect_leq(widest_at(50000000, 250, 2 << 20), 2 << 20, "a limit of memory holds");
    cr_expect_leq(widest_at(1000000000, 1, 0), 9 << 20, "1 MB/s is asked for some seconds of it");
}

Test(ahead, of_what_is_far_away_more_than_was_read_is_fetched)
{
    struct ps_ahead ahead = {.pace = &remote};
    uint64_t asked = 0, most = 0;

    for (uint64_t block = 0; block < 2048; block += 32) {
        uint64_t window = touch(&ahead, block, 32, &asked);
        most = window > most ? window : most;
        cr_assert_leq(window, 3 * (block + 32), "not more than three times as much");
        cr_assert(block != 0 || window > 0, "from the begin on");
    }
    cr_expect_geq(most, 3000, "16 MiB at most: %lu blocks", most);
}

Test(ahead, a_header_is_no_stream_even_far_away)
{
    struct ps_ahead ahead = {.pace = &remote};
    uint64_t asked = 0;

    touch(&ahead, 0, 1, &asked);
    cr_expect_eq(asked, 0);
}

/* Of what is near one request takes it all; from afar several are on their way. */
Test(ahead, the_size_of_requests_follows_the_distance)
{
    struct ps_ahead near = {.pace = &local}, far = {.pace = &remote};

    cr_expect_eq(ps_ahead_request(&near, 8 << 20), PS_REQUEST_USUAL);
    cr_expect_eq(ps_ahead_request(&far, 4096), 128 << 10);
    cr_expect_eq(ps_ahead_request(&far, 2 << 20), 256 << 10);
    cr_expect_eq(ps_ahead_request(&far, 64 << 20), 512 << 10, "a part of the shortest window");
    ps_ahead_measure(&remote, 4096, 500000, 1000000000);
    cr_expect_eq(ps_ahead_request(&far, 8 << 20), PS_REQUEST_USUAL, "it was found to be near");
    ps_ahead_measure(&local, 4096, 20000000, 1000000000);
    cr_expect_eq(ps_ahead_request(&near, 2 << 20), 256 << 10, "it was found to be far");
}

Test(ahead, a_limit_is_for_strides_too)
{
    struct ps_ahead ahead = {.pace = &local, .window_max = 64 << 10};
    uint64_t asked = 0, furthest = 0;

    for (uint64_t block = 0; block < 32 * 100; block += 32) {
        uint64_t window = touch(&ahead, block, 2, &asked);
        furthest = window > furthest ? window : furthest;
    }
    cr_expect_gt(asked, 100);
    cr_expect_leq(furthest, 8 * 32, "8 accesses of 8 KiB: %lu blocks", furthest);
}

Test(ahead, what_is_off_stays_off)
{
    struct ps_ahead ahead = {.is_off = true, .pace = &remote};
    uint64_t asked = 0;

    for (uint64_t block = 0; block < 1024; block += 32)
        touch(&ahead, block, 32, &asked);
    cr_expect_eq(asked, 0);
}

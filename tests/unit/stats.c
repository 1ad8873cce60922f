/* stats.c: the records of a board, and what is made of the lengths of stalls */
#include <criterion/criterion.h>

#include <pthread.h>
#include <stdio.h>

#include "stats.h"

enum { THREADS = 3, OBJECTS = 900 };

static pthread_barrier_t turn; /* all take the same object at once */
static struct ps_record *seen[THREADS][OBJECTS];

static void *take_all(void *argument)
{
    struct ps_record **mine = argument;

    for (int i = 0; i < OBJECTS; i++) {
        struct ps_proxy proxy = {.size = 1};
        snprintf(proxy.object, sizeof(proxy.object), "file:///object-%d", i);
        pthread_barrier_wait(&turn);
        mine[i] = ps_stats_record(&proxy, 0);
    }
    return argument;
}

Test(stats, an_object_has_one_record)
{
    pthread_t threads[THREADS];
    char name[64];

    pthread_barrier_init(&turn, NULL, THREADS);
    for (int t = 0; t < THREADS; t++)
        cr_assert_eq(pthread_create(&threads[t], NULL, take_all, seen[t]), 0);
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    for (int i = 0; i < OBJECTS; i++) {
        const struct ps_record *record = seen[0][i];
        snprintf(name, sizeof(name), "file:///object-%d", i);
        cr_assert_str_eq(record->object, name);
        cr_assert(record->state == 2 && record->size == 1);
        for (int t = 1; t < THREADS; t++)
            cr_assert_eq(seen[t][i], record, "%s has two", name);
    }
}

/* Each length is below the limit of its bucket, by an eighth at most, and not below the one before.
 */
Test(stats, a_stall_is_below_the_limit_of_its_bucket)
{
    unsigned last = 0;

    for (uint64_t ns = 1 << 10; ns < UINT64_C(1) << 40; ns += ns / 100 + 1) {
        unsigned bucket = ps_stall_bucket(ns);
        uint64_t limit = ps_stall_limit(bucket);

        cr_assert(bucket == last || bucket == last + 1, "%lu leaves a bucket out", ns);
        cr_assert(ns < limit && limit - ns <= ns / 8 + 1, "%lu is in that of %lu", ns, limit);
        cr_assert(bucket == 0 || ns >= ps_stall_limit(bucket - 1), "%lu fits the one before", ns);
        last = bucket;
    }
    cr_assert_eq(last, PS_STALL_BUCKETS - 1);
    for (unsigned i = 0; i < PS_STALL_BUCKETS; i++)
        cr_assert_eq(ps_stall_bucket(ps_stall_limit(i) - 1), i);
}

Test(stats, stalls_of_any_length_have_a_bucket)
{
    cr_assert_eq(ps_stall_bucket(0), 0);
    cr_assert_eq(ps_stall_bucket(1023), 0);
    cr_assert_eq(ps_stall_bucket(UINT64_C(1) << 40), PS_STALL_BUCKETS - 1);
    cr_assert_eq(ps_stall_bucket(UINT64_MAX), PS_STALL_BUCKETS - 1);
}

Test(stats, quantiles_are_those_of_the_stalls)
{
    struct ps_record record = {.state = 2};
    uint64_t half, most;

    cr_assert_eq(ps_stall_quantile(record.stall_times, 50), 0);
    for (uint64_t i = 1; i <= 1000; i++)
        ps_stats_stall(&record, i * 10000);
    cr_assert_eq(record.stalls, 1000);
    cr_assert_eq(record.stalled_ns, UINT64_C(500500) * 10000);
    half = ps_stall_quantile(record.stall_times, 50);
    most = ps_stall_quantile(record.stall_times, 99);
    cr_assert(half > 5000000 && half <= 5000000 + 5000000 / 8, "p50 is %lu", half);
    cr_assert(most > 9900000 && most <= 9900000 + 9900000 / 8, "p99 is %lu", most);
}

Test(stats, one_stall_is_all_quantiles)
{
    struct ps_record record = {.state = 2};

    ps_stats_stall(&record, 7000000);
    cr_assert_geq(ps_stall_quantile(record.stall_times, 50), 7000000);
    cr_assert_eq(ps_stall_quantile(record.stall_times, 50),
                 ps_stall_quantile(record.stall_times, 99));
}

Test(stats, resident_is_the_most_at_once)
{
    struct ps_record record = {.state = 2};

    ps_stats_resident(&record, 5000);
    ps_stats_resident(&record, 9000);
    ps_stats_resident(&record, 100);
    cr_assert_eq(record.resident, 9000);
}

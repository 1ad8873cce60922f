/* stats.c: the records of a board */
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

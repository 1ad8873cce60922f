/*
 * many.c: many objects with few descriptors, many threads, and objects of odd sizes
 *
 * run: link
 */
#include "check.h"

#include <pthread.h>
#include <ps/ps.h>
#include <sys/resource.h>

#include "../../backends/memory/computed.h"

static const unsigned char *map_computed(const char *key, const char *size)
{
    const unsigned char *map;
    char uri[100];

    snprintf(uri, sizeof(uri), "memory://many/%s?computed=%s", key, size);
    map = ps_lazy_map(uri, NULL, NULL, NULL);
    CHECK(map != NULL);
    return map;
}

/* Images that nobody uses any more give theirs back when there are no others. */
static void objects_with_few_descriptors(void)
{
    struct rlimit few = {200, 200};

    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    for (int i = 0; i < 600; i++) {
        const unsigned char *map;
        char key[20];
        snprintf(key, sizeof(key), "k%d", i);
        map = map_computed(key, "64K");
        CHECK(map[i * 100] == ps_computed_byte((uint64_t)i * 100));
        CHECK(ps_unmap((void *)map) == 0);
    }
}

static void maps_of_one_object(void)
{
    static const unsigned char *map[10000];

    time_limit(40);
    for (int i = 0; i < 10000; i++) {
        map[i] = map_computed("k", "1M");
        CHECK(map[i][i * 100] == ps_computed_byte((uint64_t)i * 100));
    }
    for (int i = 0; i < 10000; i++)
        CHECK(ps_unmap((void *)map[i]) == 0);
}

static const unsigned char *huge;

static void *touch_huge(void *number)
{
    uint64_t at = (uint64_t)(uintptr_t)number * 0x9e3779b97f4a7c15u % (UINT64_C(1) << 40);

    CHECK(huge[at] == ps_computed_byte(at));
    return NULL;
}

static void a_thousand_threads(void)
{
    static pthread_t thread[1000];
    pthread_attr_t small;

    time_limit(40);
    huge = map_computed("k", "1T");
    CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 64 << 10) == 0);
    for (uintptr_t i = 0; i < 1000; i++)
        CHECK(pthread_create(&thread[i], &small, touch_huge, (void *)i) == 0);
    for (int i = 0; i < 1000; i++)
        CHECK(pthread_join(thread[i], NULL) == 0);
}

static void odd_sizes(void)
{
    static const unsigned sizes[] = {1, PAGE - 1, PAGE, PAGE + 1, 256 * PAGE - 1, 256 * PAGE + 1};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const unsigned char *map;
        char size[20];
        snprintf(size, sizeof(size), "%u", sizes[i]);
        map = map_computed("k", size);
        CHECK(map[sizes[i] - 1] == ps_computed_byte(sizes[i] - 1));
        /* the rest of the last page is zeros, as of any file */
        for (unsigned at = sizes[i]; at % PAGE != 0; at++)
            CHECK(map[at] == 0);
    }
}

int main(void)
{
    static const struct check_case cases[] = {CASE(objects_with_few_descriptors),
                                              CASE(maps_of_one_object), CASE(a_thousand_threads),
                                              CASE(odd_sizes)};

    return CASES(cases, NULL);
}

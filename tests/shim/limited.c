/*
 * limited.c: an object of eight times PS_MEMORY, in every order, by one thread and by sixteen
 *
 * run: link
 */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <ps/ps.h>

#include "../../backends/memory/computed.h"

enum { LIMIT = 16 << 20, OBJECT = 8 * LIMIT, PAGES = OBJECT / PAGE, OVER = LIMIT / 50 + (8 << 20) };

static unsigned char *map;
static size_t threads;
static void (*order)(size_t from, size_t to);

static size_t lazy_memory(void)
{
    size_t all, resident, shared = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    CHECK(file != NULL && fscanf(file, "%zu %zu %zu", &all, &resident, &shared) == 3);
    fclose(file);
    return shared * PAGE;
}

/* The same, as it was counted. */
static void check_count(void)
{
    struct ps_stats stats = {.struct_size = sizeof(stats)};

    CHECK(ps_stats_get(map, &stats, NULL) == 0 && stats.evicted > 0);
    if (stats.resident > LIMIT + OVER || stats.resident < LIMIT / 2)
        FAIL("%llu MiB at once", (unsigned long long)stats.resident >> 20);
}

static void look_at(size_t page)
{
    unsigned char want[64];
    size_t at = page * PAGE + page % 60 * 64;

    ps_computed_fill(want, sizeof(want), at);
    if (memcmp(want, map + at, sizeof(want)) != 0)
        FAIL("page %zu is wrong", page);
}

static void forward(size_t from, size_t to)
{
    for (size_t page = from; page < to; page++)
        look_at(page);
}

static void backward(size_t from, size_t to)
{
    while (to-- > from)
        look_at(to);
}

static void strided(size_t from, size_t to)
{
    for (size_t first = 0; first < 16; first++)
        for (size_t page = from + first; page < to; page += 16)
            look_at(page);
}

static void at_random(size_t from, size_t to)
{
    uint64_t state = from + 1;

    for (size_t i = from; i < to; i += 4) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        look_at((state >> 33) % PAGES);
    }
}

static void *part(void *number)
{
    size_t each = PAGES / threads, from = (size_t)(uintptr_t)number * each;

    order(from, from + each);
    return NULL;
}

/* What the mapping shows of the image at the end, and what this program and its libraries have. */
static void scan(void (*how)(size_t, size_t), size_t count)
{
    size_t before = lazy_memory(), after;
    pthread_t thread[16];

    map = ps_lazy_map("memory://limited/k?computed=128M", NULL, NULL, NULL);
    CHECK(map != NULL);
    time_limit(40); /* for one scan */
    order = how;
    threads = count;
    for (size_t i = 0; i < count; i++)
        CHECK(pthread_create(&thread[i], NULL, part, (void *)(uintptr_t)i) == 0);
    for (size_t i = 0; i < count; i++)
        CHECK(pthread_join(thread[i], NULL) == 0);
    after = lazy_memory();
    if (after > before + LIMIT + OVER)
        FAIL("%zu MiB in memory", (after - before) >> 20);
    check_count();
    CHECK(ps_unmap(map) == 0);
}

static void one_thread(void)
{
    scan(forward, 1);
    scan(backward, 1);
    scan(strided, 1);
    scan(at_random, 1);
}

static void many_threads(void)
{
    scan(forward, 16);
    scan(backward, 16);
    scan(strided, 16);
    scan(at_random, 16);
}

static void written_pages_stay(void)
{
    map = ps_lazy_map("memory://limited/k?computed=128M", NULL, NULL, NULL);
    CHECK(map != NULL);
    for (size_t page = 0; page < PAGES; page += 100)
        map[page * PAGE + 4000] = (unsigned char)page;
    forward(0, PAGES);
    for (size_t page = 0; page < PAGES; page += 100)
        CHECK(map[page * PAGE + 4000] == (unsigned char)page);
}

/* Each touch of what was evicted meanwhile is remembered once more, until there is no room for it:
 * what comes then must go in its turn all the same. */
static void touched_and_evicted(void)
{
    enum { TIMES = 3 * LIMIT / PAGE, STEP = 16, EARLY = LIMIT / PAGE / 2 };
    size_t left = 0;

    map = ps_lazy_map("memory://limited/k?computed=128M", NULL, NULL, NULL);
    CHECK(map != NULL);
    for (size_t i = 0, page; i < TIMES; i++) {
        page = i * 5 % (PAGES / STEP) * STEP;
        look_at(page);
        CHECK(ps_evict(map, page * PAGE, STEP * PAGE, NULL) >= 0);
    }
    forward(0, EARLY);
    forward(PAGES / 2, PAGES);
    for (size_t page = 0; page < EARLY; page++)
        left += ps_is_resolved(map, page * PAGE, PAGE);
    if (left >= EARLY / 16)
        FAIL("%zu of %d left", left, EARLY);
    check_count();
}

/* More than the limit is needed at once. */
static void one_read(void)
{
    unsigned char *bytes = malloc(BIG);
    int fd = open_px("big");

    CHECK(bytes != NULL && read(fd, bytes, BIG) == BIG);
    BYTES(bytes, BIG, 0);
    for (size_t at = 0; at < BIG; at += 1 << 20)
        CHECK(pread(fd, bytes, 100, (off_t)at) == 100 && bytes[7] == byte_at(at + 7));
}

static atomic_bool ended;

static void *write_pages(void *unused)
{
    int fd = open("/dev/null", O_WRONLY);

    for (size_t i = 0; !atomic_load(&ended); i++)
        CHECK(write(fd, map + i * 101 % PAGES * PAGE, PAGE) == PAGE);
    return unused;
}

/* The page that a call has for its buffer stays, and no other. */
static void beside_writes(void)
{
    pthread_t thread;

    map = ps_lazy_map("memory://limited/k?computed=128M", NULL, NULL, NULL);
    CHECK(map != NULL);
    CHECK(pthread_create(&thread, NULL, write_pages, NULL) == 0);
    forward(0, PAGES);
    atomic_store(&ended, true);
    CHECK(pthread_join(thread, NULL) == 0);
    check_count();
}

static void in_a_child(void)
{
    pid_t child;

    map = ps_lazy_map("memory://limited/k?computed=128M", NULL, NULL, NULL);
    CHECK(map != NULL);
    forward(0, PAGES / 2);
    child = fork();
    if (child == 0) {
        time_limit(30);
        backward(0, PAGES);
        _exit(0);
    }
    forward(PAGES / 2, PAGES);
    reap(child);
    backward(0, PAGES);
}

int main(void)
{
    static const struct check_case cases[] = {
        CASE(one_thread), CASE(many_threads),  CASE(written_pages_stay), CASE(touched_and_evicted),
        CASE(one_read),   CASE(beside_writes), CASE(in_a_child)};

    CHECK(setenv("PS_MEMORY", "16M", 1) == 0);
    return CASES(cases, NULL);
}

/*
 * stress.c: one lazy map, and everything that may happen to it at once
 *
 * stress URI SECONDS. Threads touch, write, prefetch, evict, resolve, ask, map
 * again and unmap; then, as nothing is evicted while a child lives, the same with
 * forks whose children touch too. Every byte that is seen is checked. The
 * reads of a fail+ store may fail: a touch is then repeated after its SIGBUS.
 * Status 77: PS_ENGINE does not work here.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ps/ps.h>

#include "../../backends/memory/computed.h"
#include "fork.h"

enum { TOUCHERS = 8, PAGE = 4096, OWN = 1 << 20 }; /* the first OWN bytes are the writer's */

static const char *uri;
static unsigned char *map;
static size_t size;
static atomic_bool stop;
static bool failures; /* may happen */
static _Atomic unsigned long touched, evicted, prefetched, mapped, wrote, children, failed;
static __thread sigjmp_buf before_touch;
static __thread volatile sig_atomic_t touching;

static void fail(const char *what, size_t offset, const struct ps_error *err)
{
    fprintf(stderr, "stress: %s at %zu: %s\n", what, offset, err != NULL ? err->message : "");
    _exit(1);
}

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static size_t somewhere(uint64_t *seed)
{
    return OWN + (size_t)(next(seed) % (size - OWN));
}

static void on_bus(int number)
{
    if (!touching || !failures)
        _exit(128 + number);
    touching = 0;
    siglongjmp(before_touch, 1);
}

/* After a SIGBUS a page is had again by ps_resolve; of a fail+ store not every read fails. */
static void resolve(const unsigned char *at, size_t offset)
{
    struct ps_error err = {0};

    atomic_fetch_add(&failed, 1);
    for (int tries = 0; ps_resolve(at, offset, 1, &err) < 0; tries++)
        if (tries == 100)
            fail("a hundred resolves", offset, &err);
}

static unsigned char byte_at(const unsigned char *at, size_t offset)
{
    volatile int tries = 0;
    unsigned char byte;

    if (sigsetjmp(before_touch, 0) != 0) {
        if (++tries == 1000)
            fail("a page that is ready can't be touched", offset, NULL);
        resolve(at, offset);
    }
    touching = 1;
    byte = *(const volatile unsigned char *)(at + offset);
    touching = 0;
    return byte;
}

static void check(const unsigned char *at, size_t offset)
{
    unsigned char byte = byte_at(at, offset);

    if (byte != ps_computed_byte(offset))
        fail(byte == 0 ? "the zero of a hole" : "a wrong byte", offset, NULL);
}

static void *toucher(void *argument)
{
    uint64_t seed = (uint64_t)(uintptr_t)argument * 0x9e3779b97f4a7c15 + 1;

    while (!atomic_load(&stop)) {
        size_t offset = somewhere(&seed), end = offset;

        if (next(&seed) % 16 == 0) /* now and then a run of pages */
            end = offset + 64 * PAGE < size ? offset + 64 * PAGE : size - 1;
        for (; offset <= end; offset += PAGE) {
            check(map, offset);
            atomic_fetch_add(&touched, 1);
        }
    }
    return NULL;
}

/* What a thread wrote stays its own, whatever is evicted below it. */
static void *writer(void *unused)
{
    uint64_t seed = 77;

    for (unsigned char round = 1; !atomic_load(&stop); round++) {
        size_t offset = (size_t)(next(&seed) % OWN);

        byte_at(map, offset);
        map[offset] = round;
        if (ps_evict(map, 0, OWN, NULL) < 0)
            fail("an evict", 0, NULL);
        if (byte_at(map, offset) != round)
            fail("what was written is lost", offset, NULL);
        atomic_fetch_add(&wrote, 1);
    }
    return unused;
}

static void *prefetcher(void *unused)
{
    uint64_t seed = 99;

    while (!atomic_load(&stop)) {
        size_t offset = somewhere(&seed), length = size - offset < OWN ? size - offset : OWN;
        struct ps_error err = {0};

        if (next(&seed) % 4 == 0 && ps_resolve(map, offset, length, &err) < 0 && !failures)
            fail("a resolve", offset, &err);
        if (ps_prefetch(map, offset, length, &err) < 0)
            fail("a prefetch", offset, &err);
        atomic_fetch_add(&prefetched, 1);
        usleep(500);
    }
    return unused;
}

static void *evicter(void *unused)
{
    uint64_t seed = 111;

    while (!atomic_load(&stop)) {
        size_t offset = somewhere(&seed), most = size - offset, length = next(&seed) % 8 * OWN + 1;
        struct ps_error err = {0};
        int64_t dropped = ps_evict(map, offset, length < most ? length : most, &err);

        if (dropped < 0)
            fail("an evict", offset, &err);
        atomic_fetch_add(&evicted, (unsigned long)dropped);
        usleep(200);
    }
    return unused;
}

/* Other maps of the object come and go, and somebody always asks. */
static void *mapper(void *unused)
{
    uint64_t seed = 222;

    while (!atomic_load(&stop)) {
        struct ps_error err = {0};
        struct ps_proxy proxy;
        struct ps_stats stats = {.struct_size = sizeof(stats)};
        const struct ps_map_options options = {sizeof(options), PS_MAP_READ_ONLY};
        struct sigaction action;
        unsigned char *other = ps_lazy_map(uri, NULL, &options, &err);

        if (other == NULL)
            fail("a second map", 0, &err);
        for (int i = 0; i < 8; i++)
            check(other, somewhere(&seed));
        if (!ps_is_proxy(other + OWN) || ps_proxy_of(other, &proxy, &err) < 0 ||
            ps_stats_get(other, &stats, &err) < 0 || ps_stats_get(NULL, &stats, &err) < 0 ||
            ps_is_resolved(other, 0, 0) < 0 || sigaction(SIGSEGV, NULL, &action) < 0)
            fail("a question", 0, &err);
        if (ps_unmap(other) < 0)
            fail("an unmap", 0, NULL);
        atomic_fetch_add(&mapped, 1);
    }
    return unused;
}

/* An object of its own for one fork, which happens in the middle of evictions. */
struct fresh {
    unsigned char *map;
    size_t size;
    _Atomic unsigned rounds;
    atomic_bool stop;
};

static void check_all(const struct fresh *fresh)
{
    for (size_t offset = 0; offset < fresh->size; offset += PAGE)
        check(fresh->map, offset);
}

/* All but a page is accessible at any time, and one page after the other is dropped. */
static void *fresh_evicter(void *argument)
{
    struct fresh *fresh = argument;

    check_all(fresh);
    for (size_t offset = 0; !atomic_load(&fresh->stop); offset = (offset + PAGE) % fresh->size) {
        if (ps_evict(fresh->map, offset, PAGE, NULL) < 0)
            fail("an evict", offset, NULL);
        check(fresh->map, offset);
        atomic_fetch_add(&fresh->rounds, 1);
    }
    return NULL;
}

/* In the child: pages that the parent may be fetching or dropping, or has not. */
static void run_child(uint64_t seed, const struct fresh *fresh)
{
    struct sigaction action;

    sigaction(SIGSEGV, NULL, &action); /* libps keeps it, under a lock */
    check_all(fresh);
    for (int i = 0; i < 100; i++)
        check(map, somewhere(&seed));
    _exit(0);
}

static void fork_one(uint64_t seed)
{
    struct fresh fresh = {0};
    struct ps_error err = {0};
    pthread_t thread;
    char name[64];
    pid_t child;
    int status;

    snprintf(name, sizeof(name), "memory://x/%llu?computed=256K", (unsigned long long)seed);
    fresh.map = ps_lazy_map(name, &fresh.size, NULL, &err);
    if (fresh.map == NULL)
        fail("a fresh map", 0, &err);
    pthread_create(&thread, NULL, fresh_evicter, &fresh);
    while (atomic_load(&fresh.rounds) < seed % 64 + 1)
        usleep(100);
    child = fork();
    if (child == 0)
        run_child(seed, &fresh);
    for (int ms = 0; waitpid(child, &status, WNOHANG) == 0; ms++) {
        if (ms == 60000)
            fail("a child hangs", 0, NULL);
        usleep(1000);
    }
    if (status != 0)
        fail("a child fails", (size_t)status, NULL);
    atomic_store(&fresh.stop, true);
    pthread_join(thread, NULL);
    if (ps_unmap(fresh.map) < 0)
        fail("an unmap", 0, NULL);
    atomic_fetch_add(&children, 1);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void run(double seconds, bool with_forks)
{
    void *(*const others[])(void *) = {writer, prefetcher, evicter, mapper};
    enum { OTHERS = sizeof(others) / sizeof(others[0]) };
    pthread_t threads[TOUCHERS + OTHERS];
    double end = now() + seconds;

    atomic_store(&stop, false);
    for (uintptr_t i = 0; i < TOUCHERS; i++)
        pthread_create(&threads[i], NULL, toucher, (void *)(i + 1));
    for (int i = 0; i < OTHERS; i++)
        pthread_create(&threads[TOUCHERS + i], NULL, others[i], NULL);
    for (uint64_t turn = 1; now() < end; turn++)
        if (with_forks)
            fork_one(turn * 7919);
        else
            usleep(10000);
    atomic_store(&stop, true);
    for (int i = 0; i < TOUCHERS + OTHERS; i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    struct ps_error err = {0};
    char text[1024];

    if (argc != 3)
        return 2;
#ifdef WITHOUT_SHIM /* which does this when it is loaded */
    pthread_atfork(ps_fork_prepare, ps_fork_parent, ps_fork_child);
#endif
    if (ps_engine_describe(text, sizeof(text), &err) < 0) {
        printf("skipped: %s\n", err.message);
        return 77;
    }
    uri = argv[1];
    failures = strncmp(uri, "fail+", 5) == 0;
    sigaction(SIGBUS, &(struct sigaction){.sa_handler = on_bus, .sa_flags = SA_NODEFER}, NULL);
    map = ps_lazy_map(uri, &size, NULL, &err);
    if (map == NULL || size <= OWN)
        fail("no map", 0, &err);
    run(atof(argv[2]), false);
    if (evicted == 0)
        fail("nothing was ever evicted", 0, NULL);
    run(atof(argv[2]), true);
    if (touched == 0 || wrote == 0 || prefetched == 0 || mapped == 0 || children == 0 ||
        (failed != 0) != failures)
        fail("something was never done", 0, NULL);
    printf("%lu touches, %lu writes, %lu prefetches, %lu MiB evicted, %lu maps, %lu children, "
           "%lu failures\n",
           touched, wrote, prefetched, evicted >> 20, mapped, children, failed);
    return ps_unmap(map) == 0 ? 0 : 1;
}

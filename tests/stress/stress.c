/*
 * stress.c: one lazy map, and everything that may happen to it at once
 *
 * stress URI SECONDS [SEED]. Threads draw what they do: touch forward,
 * backward, strided and at random, write, read by a descriptor, prefetch, evict,
 * resolve, ask, use a store, and map, unmap, protect, drop and move memory of
 * their own. Then, as nothing is evicted while a child lives, the same with
 * forks whose children do so too. Every byte that is seen is checked against what
 * it must be, which is never zero. The reads of a fail+ store may fail: then
 * what failed is tried again. PS_TRY decides about failed touches where SEED
 * is odd, else the program's handler of SIGBUS does. Status 77: PS_ENGINE
 * does not work here.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fork.h"
#include "stress.h"

_Atomic unsigned long counts[COUNTS];
const char *uri, *proxy_file;
unsigned char *map;
size_t size;
bool failures, tries;

enum { HANGS_SECONDS = 40 };

static uint64_t seed;
static const char *seconds;
static atomic_bool stop;
static struct worker workers[WORKERS];
static __thread const struct worker *self;

static void tell(const struct worker *worker)
{
    enum { LAST = sizeof(worker->last) / sizeof(worker->last[0]) };

    fprintf(stderr, "stress: thread %u, %u forks deep, act %lu; the last:", worker->number,
            worker->depth, (unsigned long)worker->turns);
    for (uint64_t i = worker->turns < LAST ? 0 : worker->turns - LAST; i < worker->turns; i++)
        fprintf(stderr, " %s", worker->last[i % LAST]);
    fprintf(stderr, "\n");
}

void fail(const char *what, size_t offset, const struct ps_error *err)
{
    if (self != NULL)
        tell(self);
    fprintf(stderr, "stress: pid %d: %s at %zu: %s\nagain by: stress '%s' %s %llu\n", (int)getpid(),
            what, offset, err != NULL ? err->message : "", uri, seconds, (unsigned long long)seed);
    _exit(1);
}

/* The steps of splitmix64. */
uint64_t draw(struct worker *worker, uint64_t limit)
{
    uint64_t word = worker->random += 0x9e3779b97f4a7c15;

    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
    word = (word ^ word >> 27) * 0x94d049bb133111eb;
    return (word ^ word >> 31) % limit;
}

static void *work(void *argument)
{
    struct worker *worker = argument;

    self = worker;
    while (!atomic_load(&stop))
        act(worker);
    for (size_t offset = 0; offset < SLICE; offset++)
        check_shadow(&worker->slice, offset);
    own_check(worker);
    __atomic_store_n(&worker->done, true, __ATOMIC_RELEASE);
    return NULL;
}

static void begin(struct worker *worker, unsigned number)
{
    worker->number = number;
    worker->random = seed * WORKERS + number;
    worker->slice.at = map + number * SLICE;
    worker->slice.offset = number * SLICE;
    worker->slice.size = SLICE;
    worker->view = proxy_file == NULL ? -1 : open(proxy_file, O_RDONLY | O_CLOEXEC);
    worker->out = memfd_create("stress", MFD_CLOEXEC);
    if ((proxy_file != NULL && worker->view < 0) || worker->out < 0)
        fail("no descriptor", number, NULL);
    own_map(worker);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void wait_for(const struct worker *worker)
{
    double end = now() + HANGS_SECONDS;

    while (!__atomic_load_n(&worker->done, __ATOMIC_ACQUIRE)) {
        if (now() > end) {
            tell(worker);
            fail("a thread hangs", worker->number, NULL);
        }
        usleep(1000);
    }
}

static void run(double length, bool with_forks)
{
    pthread_t threads[WORKERS];
    double end = now() + length;

    atomic_store(&stop, false);
    for (int i = 0; i < WORKERS; i++) {
        workers[i].forks = with_forks;
        workers[i].done = false;
        pthread_create(&threads[i], NULL, work, &workers[i]);
    }
    for (uint64_t turn = 1; now() < end; turn++)
        if (with_forks)
            fork_fresh(seed + turn * 7919);
        else
            usleep(10000);
    atomic_store(&stop, true);
    for (int i = 0; i < WORKERS; i++) {
        wait_for(&workers[i]);
        pthread_join(threads[i], NULL);
    }
}

/* What opens it is a hook, and needs a file. */
static void write_proxy(void)
{
#ifndef WITHOUT_SHIM
    static char path[64];
    struct ps_error err = {0};
    struct ps_proxy proxy;

    snprintf(path, sizeof(path), "/tmp/stress-%d.psx", (int)getpid());
    if (ps_proxy_of(map, &proxy, &err) < 0 || ps_proxy_write(&proxy, path, &err) < 0)
        fail("no proxy file", 0, &err);
    proxy_file = path;
#endif
}

static void end(void)
{
    for (int i = 0; i < WORKERS; i++) {
        own_unmap(&workers[i]);
        if (workers[i].view >= 0)
            close(workers[i].view);
        close(workers[i].out);
    }
    if (ps_unmap(map) < 0)
        fail("the last unmap", 0, NULL);
}

#ifdef WITHOUT_FORKS
enum { FORKS = 0 };
#else
enum { FORKS = 1 };
#endif

static void check_counts(void)
{
    for (int i = 0; i < COUNTS; i++)
        if (counts[i] == 0 && !(i == FAILED && !failures) && !(i == READ && proxy_file == NULL) &&
            (FORKS || i != CHILDREN))
            fail("something was never done", (size_t)i, NULL);
    printf("%lu touches, %lu writes, %lu reads, %lu prefetches, %lu MiB evicted, %lu maps, "
           "%lu children, %lu failures\n",
           counts[TOUCHED], counts[WROTE], counts[READ], counts[PREFETCHED], counts[EVICTED] >> 20,
           counts[MAPPED], counts[CHILDREN], counts[FAILED]);
}

int main(int argc, char **argv)
{
    struct ps_error err = {0};
    char text[1024];

    if (argc != 3 && argc != 4)
        return 2;
#ifdef WITHOUT_SHIM /* which does this when it is loaded */
    pthread_atfork(ps_fork_prepare, ps_fork_parent, ps_fork_child);
#endif
    if (ps_engine_describe(text, sizeof(text), &err) < 0) {
        printf("skipped: %s\n", err.message);
        return 77;
    }
    uri = argv[1];
    seconds = argv[2];
    seed = argc == 4 ? strtoull(argv[3], NULL, 10) : (uint64_t)time(NULL) ^ (uint64_t)getpid() << 8;
    tries = seed % 2 == 1;
    failures = strncmp(uri, "fail+", 5) == 0;
    touch_start();
    map = ps_lazy_map(uri, &size, NULL, &err);
    if (map == NULL || size <= 2 * WORKERS * SLICE)
        fail("no map", 0, &err);
    write_proxy();
    for (unsigned i = 0; i < WORKERS; i++)
        begin(&workers[i], i);
    if (proxy_file != NULL)
        unlink(proxy_file);
    run(atof(seconds), false);
    if (FORKS)
        run(atof(seconds), true);
    end();
    check_counts();
    return 0;
}

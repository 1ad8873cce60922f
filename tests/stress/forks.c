/* forks.c: children, which touch too; see stress.h */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stress.h"

enum { DEEPEST = 2, LONGEST_MS = 30000 };

static void reap(pid_t child)
{
    int status;

    for (int ms = 0; waitpid(child, &status, WNOHANG) == 0; ms++) {
        if (ms == LONGEST_MS)
            fail("a child hangs", (size_t)child, NULL);
        usleep(1000);
    }
    if (status != 0)
        fail("a child fails", (size_t)status, NULL);
}

/* In the child all is as it was; and what it does is its own. */
__attribute__((noreturn)) static void run_child(struct worker *worker)
{
    worker->depth++;
    for (size_t offset = 0; offset < SLICE; offset += PAGE)
        check_shadow(&worker->slice, offset);
    own_check(worker);
    for (int i = 0; i < 20; i++)
        act(worker);
    _exit(0);
}

void fork_worker(struct worker *worker)
{
    pid_t child;

    if (!worker->forks || worker->depth == DEEPEST)
        return;
    child = fork();
    if (child < 0)
        fail("a fork", 0, NULL);
    if (child == 0)
        run_child(worker);
    reap(child);
    atomic_fetch_add(&counts[CHILDREN], 1);
}

/* --- while one page after the other is dropped ---------------------------------- */

struct fresh {
    unsigned char *map;
    size_t size;
    _Atomic unsigned rounds;
    atomic_bool stop;
};

static void check_all(const struct fresh *fresh)
{
    for (size_t offset = 0; offset < fresh->size; offset += PAGE)
        check(fresh->map + offset, offset);
}

/* All but a page is accessible at any time. */
static void *evicter(void *argument)
{
    struct fresh *fresh = argument;

    check_all(fresh);
    for (size_t offset = 0; !atomic_load(&fresh->stop); offset = (offset + PAGE) % fresh->size) {
        if (ps_evict(fresh->map, offset, PAGE, NULL) < 0)
            fail("an evict", offset, NULL);
        check(fresh->map + offset, offset);
        atomic_fetch_add(&fresh->rounds, 1);
    }
    return NULL;
}

/* In the child: pages that the parent may be fetching or dropping, or has not. */
__attribute__((noreturn)) static void run_fresh_child(const struct fresh *fresh)
{
    struct sigaction action;

    sigaction(SIGSEGV, NULL, &action); /* libps keeps it, under a lock */
    check_all(fresh);
    for (size_t offset = WORKERS * SLICE; offset < size; offset += size / 100)
        check(map + offset, offset);
    _exit(0);
}

void fork_fresh(uint64_t number)
{
    struct fresh fresh = {0};
    struct ps_error err = {0};
    pthread_t thread;
    char name[64];
    pid_t child;

    snprintf(name, sizeof(name), "memory://x/%llu?computed=256K", (unsigned long long)number);
    fresh.map = ps_lazy_map(name, &fresh.size, NULL, &err);
    if (fresh.map == NULL)
        fail("a fresh map", 0, &err);
    pthread_create(&thread, NULL, evicter, &fresh);
    while (atomic_load(&fresh.rounds) < number % 64 + 1)
        usleep(100);
    child = fork();
    if (child == 0)
        run_fresh_child(&fresh);
    reap(child);
    atomic_store(&fresh.stop, true);
    pthread_join(thread, NULL);
    if (ps_unmap(fresh.map) < 0)
        fail("an unmap", 0, NULL);
    atomic_fetch_add(&counts[CHILDREN], 1);
}

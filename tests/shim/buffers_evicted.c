/*
 * buffers_evicted.c: lazy buffers of system calls, while another thread drops what they hold
 *
 * run: link
 */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <ps/ps.h>

enum { ROUNDS = 600, LENGTH = 64 * PAGE };

static unsigned char *map;
static atomic_bool stop;

static void *evicter(void *unused)
{
    while (!atomic_load(&stop))
        CHECK(ps_evict(map, 0, 0, NULL) >= 0);
    return unused;
}

int main(void)
{
    static unsigned char copy[LENGTH];
    struct ps_error err = {0};
    pthread_t thread;
    int file = open(tmp("file"), O_RDWR | O_CREAT, 0600);

    map = ps_lazy_map(px("small"), NULL, NULL, &err);
    CHECK(map != NULL && file >= 0);
    CHECK(pthread_create(&thread, NULL, evicter, NULL) == 0);
    for (size_t i = 0; i < ROUNDS; i++) {
        size_t at = i % 100 * PAGE;
        CHECK(pwrite(file, map + at, LENGTH, 0) == LENGTH);
        CHECK(pread(file, copy, LENGTH, 0) == LENGTH);
        BYTES(copy, LENGTH, at);
        CHECK(pread(file, map + at, LENGTH, 0) == LENGTH);
        if (i % 100 == 99) /* what was written is not evicted: begin again with lazy memory */
            CHECK(madvise(map, SMALL, MADV_DONTNEED) == 0);
    }
    atomic_store(&stop, true);
    CHECK(pthread_join(thread, NULL) == 0);
    BYTES(map, SMALL, 0);
    return 0;
}

/*
 * touch_random.c: eight threads touch one lazy map at random
 *
 * run: link memcheck
 */
#include "check.h"

#include <pthread.h>

#include <ps/ps.h>

static const unsigned char *map;

static void *thread(void *number)
{
    uint64_t state = (uintptr_t)number + 1;

    for (int i = 0; i < 3000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        BYTES(map + (state >> 20) % (BIG - 8), 8, (state >> 20) % (BIG - 8));
    }
    return NULL;
}

int main(void)
{
    struct ps_error err = {0};
    pthread_t threads[8];
    size_t size = 0;

    map = ps_lazy_map(px("big"), &size, NULL, &err);
    if (map == NULL)
        FAIL("%s", err.message);
    CHECK(size == BIG);
    for (uintptr_t i = 0; i < 8; i++)
        CHECK(pthread_create(&threads[i], NULL, thread, (void *)i) == 0);
    for (int i = 0; i < 8; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(ps_unmap((void *)map) == 0);
    return 0;
}

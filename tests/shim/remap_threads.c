/* remap_threads.c: mremap in place while other threads touch the part that stays */
#include "check.h"

#include <pthread.h>

enum { PAGES = 256, TAIL = 8, ROUNDS = 1500 };

static unsigned char *map;
static volatile int stop;

static void *touch(void *seed)
{
    while (!stop)
        for (size_t page = (size_t)seed; page < PAGES - TAIL && !stop; page += 3)
            BYTES(map + page * PAGE + page, 16, page * PAGE + page);
    return NULL;
}

int main(void)
{
    pthread_t thread[2];

    map = map_px("small", PAGES * PAGE, PROT_READ, MAP_PRIVATE);
    for (size_t i = 0; i < 2; i++)
        CHECK(pthread_create(&thread[i], NULL, touch, (void *)i) == 0);
    for (int i = 0; i < ROUNDS; i++) {
        size_t less = (PAGES - 1 - (size_t)i % TAIL) * PAGE;

        CHECK(mremap(map, PAGES * PAGE, less, 0) == map);
        CHECK(mremap(map, less, PAGES * PAGE, 0) == map);
    }
    stop = 1;
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(thread[i], NULL) == 0);
    BYTES(map, PAGES * PAGE, 0);
    return 0;
}

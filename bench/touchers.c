/*
 * touchers.c: first touches by several threads at once, beside those by one; links libps
 *
 *     touchers BEFORE BEHIND MEGABYTES THREADS TOUCHES ROUNDS
 *
 * In each round one thread touches TOUCHES random pages of an object that is
 * new, and THREADS threads touch as many together of another one. Their URIs
 * are BEFORE, a number, and BEHIND. Prints
 * name=value words, as print_figure in timing.h does: how many times the
 * touches of one thread the others did in the same time (throughput), the
 * microseconds between touches of the one (one), and the number of pairs.
 */
#include <pthread.h>
#include <string.h>

#include "fresh.h"
#include "random.h"
#include "timing.h"

enum { PAGE = 4096, THREADS_MOST = 64 };

static const char *before, *behind;
static size_t pages, touches;

struct toucher {
    const char *map;
    uint64_t state;
    size_t touches;
};

static void *touch(void *argument)
{
    struct toucher *toucher = argument;

    for (size_t i = 0; i < toucher->touches; i++)
        (void)*(volatile const char *)(toucher->map + next_random(&toucher->state) % pages * PAGE);
    return NULL;
}

static struct took touch_together(size_t threads)
{
    struct toucher toucher[THREADS_MOST];
    pthread_t thread[THREADS_MOST];
    char *map = map_fresh(before, behind, NULL);
    struct took took = now();

    for (size_t i = 0; i < threads; i++) {
        toucher[i] = (struct toucher){map, i, touches / threads};
        if (pthread_create(&thread[i], NULL, touch, &toucher[i]) != 0) {
            fputs("touchers: no thread\n", stderr);
            exit(1);
        }
    }
    for (size_t i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    took = since(took);
    ps_unmap(map);
    return took;
}

static double one_us(const struct pair *pair)
{
    return pair->first.wall / 1e3 / (double)touches;
}

int main(int argc, char **argv)
{
    size_t threads = argc == 7 ? strtoull(argv[4], NULL, 10) : 0;
    size_t rounds = argc == 7 ? strtoull(argv[6], NULL, 10) : 0;
    struct pairs pairs = {allocate(rounds + 1, sizeof(struct pair)), 0};

    if (threads == 0 || threads > THREADS_MOST || rounds == 0) {
        fputs("usage: touchers BEFORE BEHIND MEGABYTES THREADS TOUCHES ROUNDS\n", stderr);
        return 2;
    }
    before = argv[1];
    behind = argv[2];
    pages = (strtoull(argv[3], NULL, 10) << 20) / PAGE;
    touches = strtoull(argv[5], NULL, 10);
    touch_together(1); /* the engine and its threads are there from now on */
    for (size_t i = 0; i < rounds; i++) {
        struct took one = touch_together(1);

        pairs.pair[pairs.count++] = (struct pair){one, touch_together(threads)};
    }
    print_figure(&pairs, "throughput", wall_speed);
    print_figure(&pairs, "one", one_us);
    printf("pairs=%zu\n", pairs.count);
    return 0;
}

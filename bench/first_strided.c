/*
 * first_strided.c: the first strided scan of an object, beside one without look-ahead; links libps
 *
 *     first_strided BEFORE BEHIND PAGES STEP ROUNDS
 *
 * In each round two new objects are read, whose URIs are BEFORE, a number, and
 * BEHIND: one byte of every STEP-th page, PAGES of them, of one after
 * madvise(MADV_RANDOM), which ends look-ahead, and of the other as it is.
 * Prints name=value words, as print_figure in timing.h does: how many times as
 * fast the latter was (speed, by wall time), the microseconds that a page took
 * without look-ahead (without), and the number of pairs.
 */
#include <sys/mman.h>

#include "fresh.h"
#include "timing.h"

enum { PAGE = 4096 };

static const char *before, *behind;
static size_t pages, step;

static struct took scan(int advice)
{
    struct took begin;
    size_t size;
    char *map = map_fresh(before, behind, &size);

    if (size / PAGE < pages * step || madvise(map, size, advice) < 0) {
        fputs("first_strided: it is too small\n", stderr);
        exit(1);
    }
    begin = now();
    for (size_t i = 0; i < pages; i++)
        (void)*(volatile const char *)(map + i * step * PAGE);
    begin = since(begin);
    ps_unmap(map);
    return begin;
}

static double without_us(const struct pair *pair)
{
    return pair->first.wall / 1e3 / (double)pages;
}

int main(int argc, char **argv)
{
    size_t rounds = argc == 6 ? strtoull(argv[5], NULL, 10) : 0;
    struct pairs pairs = {allocate(rounds + 1, sizeof(struct pair)), 0};

    if (rounds == 0) {
        fputs("usage: first_strided BEFORE BEHIND PAGES STEP ROUNDS\n", stderr);
        return 2;
    }
    before = argv[1];
    behind = argv[2];
    pages = strtoull(argv[3], NULL, 10);
    step = strtoull(argv[4], NULL, 10);
    for (size_t i = 0; i < rounds; i++) {
        struct took without = scan(MADV_RANDOM);

        pairs.pair[pairs.count++] = (struct pair){without, scan(MADV_NORMAL)};
    }
    print_figure(&pairs, "speed", wall_speed);
    print_figure(&pairs, "without", without_us);
    printf("pairs=%zu\n", pairs.count);
    return 0;
}

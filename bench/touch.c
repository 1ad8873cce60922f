/*
 * touch.c: how long the first touch of a random page of a lazy map takes
 *
 *     touch PROXY TOUCHES
 *
 * Touches that meet a page which is there already are not counted. Prints
 * name=value words: the median, the 99th percentile in us, and the number of
 * touches counted.
 */
#include <ps/ps.h>

#include "timing.h"

#define PAGE 4096

int main(int argc, char **argv)
{
    size_t touches = argc == 3 ? (size_t)strtoull(argv[2], NULL, 10) : 0, size, count = 0;
    double *times = new_doubles(touches);
    struct ps_error err = {0};
    uint64_t state = 42;
    volatile const char *map;

    if (touches == 0) {
        fputs("usage: touch PROXY TOUCHES\n", stderr);
        return 2;
    }
    map = ps_lazy_map(argv[1], &size, NULL, &err);
    if (map == NULL || size < PAGE) {
        fprintf(stderr, "touch: %s\n", map ? "the object is too small" : err.message);
        return 1;
    }
    for (size_t i = 0; i < touches; i++) {
        size_t at = next_random(&state) % (size / PAGE) * PAGE;
        double begin;

        if (ps_is_resolved((const void *)map, at, PAGE))
            continue;
        begin = now_ns();
        (void)map[at];
        times[count++] = now_ns() - begin;
    }
    printf("p50=%.1f p99=%.1f count=%zu\n", quantile(times, count, 0.5) / 1e3,
           quantile(times, count, 0.99) / 1e3, count);
    return 0;
}

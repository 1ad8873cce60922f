/*
 * lazy_map.c: an object as an ordinary pointer
 *
 *     lazy_map PROXY [INDEX]
 *
 * Prints the double at INDEX (default: the middle one) of the object that
 * PROXY, a proxy file or a URI, stands for, and what was fetched for it.
 */
#include <stdio.h>
#include <stdlib.h>

#include <ps/ps.h>

int main(int argc, char **argv)
{
    struct ps_stats stats = {.struct_size = sizeof(stats)};
    struct ps_error err = {0};
    const double *a;
    size_t size, count, i;
    char *end = NULL;

    if (argc < 2 || argc > 3) {
        fputs("usage: lazy_map PROXY [INDEX]\n", stderr);
        return 2;
    }
    a = ps_lazy_map(argv[1], &size, NULL, &err);
    if (a == NULL) {
        fprintf(stderr, "lazy_map: %s\n", err.message);
        return 1;
    }
    count = size / sizeof(*a);
    i = argc == 3 ? (size_t)strtoull(argv[2], &end, 10) : count / 2;
    if (argc == 3 && (end == argv[2] || *end != '\0')) {
        fprintf(stderr, "lazy_map: %s is no number\n", argv[2]);
        ps_unmap((void *)a);
        return 2;
    }
    if (i >= count) {
        fprintf(stderr, "lazy_map: the object has %zu doubles\n", count);
        ps_unmap((void *)a);
        return 1;
    }
    printf("a[%zu] = %.17g\n", i, a[i]); /* fetched here, and only the part around it */
    if (ps_stats_get(a, &stats, &err) != 0) {
        fprintf(stderr, "lazy_map: %s\n", err.message);
        ps_unmap((void *)a);
        return 1;
    }
    printf("%llu of %zu bytes fetched\n", (unsigned long long)stats.fetched, size);
    return ps_unmap((void *)a) == 0 ? 0 : 1;
}

/* fresh.h: a lazy map of an object that nobody has touched; for drivers that link libps */
#ifndef BENCH_FRESH_H
#define BENCH_FRESH_H

#include <stdio.h>
#include <stdlib.h>

#include <ps/ps.h>

/* map_fresh: of the object whose URI is before, a number that is new, and behind */
static inline char *map_fresh(const char *before, const char *behind, size_t *size)
{
    static size_t objects;
    struct ps_error err = {0};
    char uri[PS_URI_MAX], *map;

    snprintf(uri, sizeof(uri), "%s%zu%s", before, objects++, behind);
    map = ps_lazy_map(uri, size, NULL, &err);
    if (map == NULL) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    return map;
}

#endif

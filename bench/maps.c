/*
 * maps.c: many lazy maps of one object: made, touched once, unmapped; links libps
 *
 *     maps URI MAPS
 *
 * Map i is touched in page i, which nobody touched before. Prints name=value
 * words: the microseconds for a map (each), of them those for each step
 * (create, touch, unmap), and the KiB of memory that libps then has of its own
 * for each map (own).
 */
#include <string.h>
#include <unistd.h>

#include <ps/ps.h>

#include "timing.h"

enum { PAGE = 4096 };

static size_t maps, size;
static char **map;

static double print_step(const char *name, struct took begin)
{
    double us = since(begin).wall / 1e3 / (double)maps;

    printf("%s=%.3f ", name, us);
    return us;
}

/* KiB of anonymous memory */
static double own_kib(void)
{
    size_t all, resident, shared = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file == NULL || fscanf(file, "%zu %zu %zu", &all, &resident, &shared) != 3) {
        perror("maps: /proc/self/statm");
        exit(1);
    }
    fclose(file);
    return (double)(resident - shared) * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static void create(const char *uri)
{
    struct ps_error err = {0};

    for (size_t i = 0; i < maps; i++) {
        map[i] = ps_lazy_map(uri, &size, NULL, &err);
        if (map[i] == NULL) {
            fprintf(stderr, "maps: %s\n", err.message);
            exit(1);
        }
    }
}

int main(int argc, char **argv)
{
    struct took begin;
    double own, each;

    maps = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    if (maps == 0) {
        fputs("usage: maps URI MAPS\n", stderr);
        return 2;
    }
    map = allocate(maps, sizeof(*map));
    memset(map, 1, maps * sizeof(*map));
    own = own_kib();
    begin = now();
    create(argv[1]);
    each = print_step("create", begin);
    begin = now();
    for (size_t i = 0; i < maps; i++)
        (void)*(volatile const char *)(map[i] + i % (size / PAGE) * PAGE);
    each += print_step("touch", begin);
    own = own_kib() - own;
    begin = now();
    for (size_t i = 0; i < maps; i++)
        ps_unmap(map[i]);
    each += print_step("unmap", begin);
    printf("each=%.3f own=%.3f\n", each, own / (double)maps);
    return 0;
}

/*
 * map_scan.c: scans of a lazy map, beside mmap of a file with the same bytes
 *
 *     map_scan PROXY FILE PASSES
 *
 * Prints name=value words: the throughput in GB/s of the first scan of each
 * (map_first, mmap_first), the median of the ratios of throughput map/mmap of
 * later scans (ratio), their medians, and whether both hold the same bytes.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ps/ps.h>

#include "timing.h"

struct scan {
    const uint64_t *words;
    size_t count;
    uint64_t sum;
};

static double scan(struct scan *scan)
{
    double begin = now_ns();
    uint64_t sum = 0;

    for (size_t i = 0; i < scan->count; i++)
        sum += scan->words[i];
    scan->sum = sum;
    return now_ns() - begin;
}

static const void *map_file(const char *path, size_t size)
{
    int fd = open(path, O_RDONLY);
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

    if (map == MAP_FAILED) {
        perror(path);
        exit(1);
    }
    close(fd);
    return map;
}

int main(int argc, char **argv)
{
    size_t passes = argc == 4 ? (size_t)strtoull(argv[3], NULL, 10) : 0, size;
    double *ratios = new_doubles(passes), *ours = new_doubles(passes),
           *theirs = new_doubles(passes);
    struct ps_error err = {0};
    struct scan lazy, plain;
    double first, plain_first;

    if (passes == 0) {
        fputs("usage: map_scan PROXY FILE PASSES\n", stderr);
        return 2;
    }
    lazy.words = ps_lazy_map(argv[1], &size, NULL, &err);
    if (lazy.words == NULL) {
        fprintf(stderr, "map_scan: %s\n", err.message);
        return 1;
    }
    plain.words = map_file(argv[2], size);
    lazy.count = plain.count = size / sizeof(uint64_t);
    plain_first = (double)size / scan(&plain);
    first = (double)size / scan(&lazy);
    for (size_t i = 0; i < passes; i++) {
        double a, b;

        if (i % 2) {
            b = scan(&lazy);
            a = scan(&plain);
        } else {
            a = scan(&plain);
            b = scan(&lazy);
        }
        ratios[i] = a / b;
        theirs[i] = (double)size / a;
        ours[i] = (double)size / b;
    }
    printf("ratio=%.4f map=%.2f mmap=%.2f map_first=%.2f mmap_first=%.2f same=%s\n",
           median(ratios, passes), median(ours, passes), median(theirs, passes), first, plain_first,
           lazy.sum == plain.sum ? "yes" : "no");
    return lazy.sum == plain.sum ? 0 : 1;
}

/*
 * map_scan.c: scans of a resolved map, beside the same without libps; links libps
 *
 *     map_scan lazy|mmap PROXY NATIVE SECONDS
 *
 * lazy maps PROXY by ps_lazy_map, mmap by mmap(2). NATIVE is a file with the
 * same bytes: the first scan compares them, and is not timed. Timed are later
 * ones, of the map and of one that libc's mmap has made of the same file, in
 * turn: the same pages of memory, for which seqread.c has the reason. Prints
 * name=value words, as print_figure in timing.h does: the speed of libps, of
 * libc's (speed, and wall for that by wall time), that of libc in GB/s
 * (native), and the number of pairs.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <ps/ps.h>

#include "libc.h"
#include "timing.h"

typedef void *(*mmap_function)(void *, size_t, int, int, int, off_t);

static volatile uint64_t sum; /* of all words, so that no scan is for nothing */
static size_t file_size;

/* Four sums, so that memory is the limit and not the adding. */
static struct took scan(const void *map)
{
    const uint64_t *words = map;
    struct took begin = now();
    uint64_t sums[4] = {0};

    for (size_t i = 0; i + 4 <= file_size / sizeof(uint64_t); i += 4)
        for (int j = 0; j < 4; j++)
            sums[j] += words[i + j];
    sum = sums[0] + sums[1] + sums[2] + sums[3];
    return since(begin);
}

static int open_file(const char *path)
{
    struct stat st = {0};
    int fd = open(path, O_RDONLY);

    if (fd < 0 || fstat(fd, &st) < 0) {
        perror(path);
        exit(1);
    }
    if (file_size != 0 && file_size != (size_t)st.st_size) {
        fputs("map_scan: the sizes differ\n", stderr);
        exit(1);
    }
    file_size = (size_t)st.st_size;
    return fd;
}

static const void *map_file(mmap_function function, int fd)
{
    void *map = function(NULL, file_size, PROT_READ, MAP_SHARED, fd, 0);

    if (map == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return map;
}

static const void *map_lazily(const char *proxy)
{
    struct ps_error err = {0};
    const void *map = ps_lazy_map(proxy, NULL, NULL, &err);

    if (map == NULL) {
        fprintf(stderr, "map_scan: %s\n", err.message);
        exit(1);
    }
    return map;
}

static void compare(const void *map, const void *with)
{
    if (memcmp(map, with, file_size) != 0) {
        fputs("map_scan: the bytes differ\n", stderr);
        exit(1);
    }
}

static double native_speed(const struct pair *pair)
{
    return (double)file_size / pair->first.cpu;
}

int main(int argc, char **argv)
{
    const void *map, *native;
    mmap_function libc_mmap;
    struct pairs pairs;
    int fd;

    if (argc != 5) {
        fputs("usage: map_scan lazy|mmap PROXY NATIVE SECONDS\n", stderr);
        return 2;
    }
    libc_function(&libc_mmap, "mmap");
    fd = open_file(argv[2]);
    map = strcmp(argv[1], "lazy") == 0 ? map_lazily(argv[2]) : map_file(mmap, fd);
    compare(map, map_file(mmap, open_file(argv[3])));
    native = map_file(libc_mmap, fd);
    compare(map, native); /* else they are not the same pages */
    pairs = measure_pairs(argv[4], scan, native, map);
    print_figure(&pairs, "speed", cpu_speed);
    print_figure(&pairs, "wall", wall_speed);
    print_figure(&pairs, "native", native_speed);
    printf("pairs=%zu\n", pairs.count);
    return 0;
}

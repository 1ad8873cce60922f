/*
 * first_scan.c: the first scan of a lazy map, beside that of a mapped file of tmpfs; links libps
 *
 *     first_scan MEGABYTES SCANS
 *
 * The object is in the memory backend; the file is a memfd with the same bytes,
 * and has a mapping of its own for each scan, as the object has. The two take
 * turns, and all sums must be equal. Prints name=value words, as print_figure
 * in timing.h does: the speed of the lazy map (speed), by wall time, as
 * look-ahead works beside the scan; that of the file in GB/s (native); and the
 * number of pairs.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ps/ps.h>

#include "timing.h"

static size_t size;
static int file;
static struct ps_store *store;
static uint64_t expected;

static void stop(const char *what, const struct ps_error *err)
{
    fprintf(stderr, "first_scan: %s: %s\n", what, err != NULL ? err->message : "it failed");
    exit(1);
}

/* Four sums, so that memory is the limit and not the adding. */
static struct took scan(const void *map)
{
    const uint64_t *words = map;
    struct took begin = now();
    uint64_t sums[4] = {0};

    for (size_t i = 0; i < size / sizeof(uint64_t); i += 4)
        for (int j = 0; j < 4; j++)
            sums[j] += words[i + j];
    begin = since(begin);
    if (sums[0] + sums[1] + sums[2] + sums[3] != expected)
        stop("wrong bytes", NULL);
    return begin;
}

static struct took scan_file(void)
{
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
    struct took took;

    if (map == MAP_FAILED)
        stop("mmap", NULL);
    took = scan(map);
    munmap(map, size);
    return took;
}

/* Under a new key each time, so that nothing of it is here. */
static struct took scan_object(int number)
{
    struct ps_error err = {0};
    struct ps_proxy proxy;
    struct took took;
    char key[16], uri[PS_URI_MAX];
    void *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0), *map;

    snprintf(key, sizeof(key), "scan-%d", number);
    if (bytes == MAP_FAILED || ps_store_put(store, key, bytes, size, &proxy, &err) < 0)
        stop("put", &err);
    munmap(bytes, size);
    snprintf(uri, sizeof(uri), "%s", proxy.object);
    map = ps_lazy_map(uri, NULL, NULL, &err);
    if (map == NULL)
        stop("map", &err);
    took = scan(map);
    ps_unmap(map);
    ps_store_evict(store, key, NULL);
    return took;
}

static void make_file(void)
{
    uint64_t *words;

    file = memfd_create("native", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, (off_t)size) < 0)
        stop("memfd", NULL);
    words = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (words == MAP_FAILED)
        stop("mmap", NULL);
    for (size_t i = 0; i < size / sizeof(uint64_t); i++) {
        words[i] = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        expected += words[i];
    }
    munmap(words, size);
}

static double native_speed(const struct pair *pair)
{
    return (double)size / pair->first.wall;
}

int main(int argc, char **argv)
{
    size_t scans = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    struct pairs pairs = {allocate(scans + 1, sizeof(struct pair)), 0};
    struct ps_error err = {0};

    size = argc == 3 ? strtoull(argv[1], NULL, 10) << 20 : 0;
    if (size == 0 || scans == 0) {
        fputs("usage: first_scan MEGABYTES SCANS\n", stderr);
        return 2;
    }
    make_file();
    if (ps_store_open(&store, "memory://bench", &err) < 0)
        stop("store", &err);
    for (size_t i = 0; i < scans; i++) {
        struct took native = scan_file();

        pairs.pair[pairs.count++] = (struct pair){native, scan_object((int)i)};
    }
    print_figure(&pairs, "speed", wall_speed);
    print_figure(&pairs, "native", native_speed);
    printf("pairs=%zu\n", pairs.count);
    return 0;
}

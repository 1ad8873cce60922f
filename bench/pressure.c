/*
 * pressure.c: random reads of an object that is larger than PS_MEMORY; links libps
 *
 *     pressure URI NATIVE TOUCHES ROUNDS
 *
 * NATIVE is a file of the same size; in each round as many random pages of it,
 * freshly mapped by mmap(2), are summed up as of the lazy map. Prints
 * name=value words, as print_figure in timing.h does: the speed of the lazy map
 * (speed, by wall time) and of the file in MB/s (native); the most bytes that
 * were in memory, in MiB over the limit (over), and the number of pairs.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ps/ps.h>

#include "random.h"
#include "timing.h"

enum { PAGE = 4096 };

static size_t size, touches;
static uint64_t state = 7;
static volatile uint64_t sum;
static double most_mib;

static void stop(const char *what)
{
    fprintf(stderr, "pressure: %s\n", what);
    exit(1);
}

/* MiB of files and shared memory that this process sees */
static double shared_mib(void)
{
    size_t all, resident, shared = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file == NULL || fscanf(file, "%zu %zu %zu", &all, &resident, &shared) != 3)
        stop("/proc/self/statm");
    fclose(file);
    return (double)(shared * PAGE) / (1 << 20);
}

static struct took read_pages(const void *map)
{
    struct took begin = now();

    for (size_t i = 0; i < touches; i++) {
        const uint64_t *words =
            (const void *)((const char *)map + next_random(&state) % (size / PAGE) * PAGE);
        uint64_t page = 0;

        for (int j = 0; j < PAGE / 8; j++)
            page += words[j];
        sum += page;
    }
    return since(begin);
}

static double native_speed(const struct pair *pair)
{
    return (double)(touches * PAGE) / pair->first.wall * 1e3;
}

int main(int argc, char **argv)
{
    size_t rounds = argc == 5 ? strtoull(argv[4], NULL, 10) : 0;
    const char *limit = getenv("PS_MEMORY");
    struct pairs pairs = {allocate(rounds + 1, sizeof(struct pair)), 0};
    struct ps_error err = {0};
    double before;
    int fd;
    void *lazy;

    if (rounds == 0 || limit == NULL) {
        fputs("usage: PS_MEMORY=<megabytes>M pressure URI NATIVE TOUCHES ROUNDS\n", stderr);
        return 2;
    }
    touches = strtoull(argv[3], NULL, 10);
    fd = open(argv[2], O_RDONLY);
    before = shared_mib();
    lazy = ps_lazy_map(argv[1], &size, NULL, &err);
    if (fd < 0 || lazy == NULL)
        stop(fd < 0 ? argv[2] : err.message);
    for (size_t i = 0; i < rounds; i++) {
        struct took native, object = read_pages(lazy);
        double mib = shared_mib() - before;
        void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

        if (map == MAP_FAILED)
            stop("mmap");
        most_mib = mib > most_mib ? mib : most_mib;
        native = read_pages(map);
        munmap(map, size);
        if (i > 0) /* in the first there is still room */
            pairs.pair[pairs.count++] = (struct pair){native, object};
    }
    print_figure(&pairs, "speed", wall_speed);
    print_figure(&pairs, "native", native_speed);
    printf("over=%.1f pairs=%zu\n", most_mib - strtod(limit, NULL), pairs.count);
    return 0;
}

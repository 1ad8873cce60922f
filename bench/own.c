/*
 * own.c: how much memory libps has of its own; links libps
 *
 *     own URI
 *
 * Prints name=value words: the KiB that the process has more, without the
 * image's, when the object is mapped and nothing was touched (idle), just when
 * all of it has come (busy), and a second later (rest); that in percent of the
 * object (part).
 */
#include <string.h>
#include <unistd.h>

#include <ps/ps.h>

#include "timing.h"

/* KiB in memory, of all but images, whose name begins with "ps:", and the file that is the object
 */
static double kib(void)
{
    FILE *file = fopen("/proc/self/smaps", "r");
    char line[1024];
    bool counts = false;
    double sum = 0;
    size_t rss;

    if (file == NULL) {
        perror("own: /proc/self/smaps");
        exit(1);
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strchr("0123456789abcdef", line[0]) != NULL)
            counts = strstr(line, "ps:") == NULL;
        else if (counts && sscanf(line, "Rss: %zu kB", &rss) == 1)
            sum += (double)rss;
    }
    fclose(file);
    return sum;
}

int main(int argc, char **argv)
{
    struct ps_error err = {0};
    double before, idle, busy, rest;
    size_t size;
    void *map;

    if (argc != 2) {
        fputs("usage: own URI\n", stderr);
        return 2;
    }
    kib(); /* what it needs itself */
    before = kib();
    map = ps_lazy_map(argv[1], &size, NULL, &err);
    idle = kib() - before;
    if (map == NULL || ps_resolve(map, 0, 0, &err) < 0) {
        fprintf(stderr, "own: %s\n", err.message);
        return 1;
    }
    busy = kib() - before;
    sleep(1);
    rest = kib() - before;
    printf("idle=%.0f busy=%.0f rest=%.0f part=%.4f\n", idle, busy, rest,
           rest * 102400 / (double)size);
    return 0;
}

/*
 * small.c: small calls on a proxied file that is resolved, beside the same on a native one; to be
 * preloaded
 *
 *     small pread|fgets PROXIED NATIVE SECONDS
 *
 * NATIVE is a file with the same bytes. Both are read once and compared, so
 * that the proxied file is resolved before the clock starts. Then rounds of
 * calls on both take turns in this one process: preads of a byte each, natively
 * by libc's own; or the file's lines by fgets, each from a stream of its own.
 * Prints name=value words, as print_figure in timing.h does: how often the
 * native time the proxied call takes (ratio, and wall for that by wall time),
 * the nanoseconds of a native call (native), and the number of pairs.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "libc.h"
#include "timing.h"

enum { PREADS = 1000 };

typedef ssize_t (*pread_function)(int, void *, size_t, off_t);

struct side {
    FILE *stream;
    pread_function pread;
};

static size_t calls; /* of one round */

static void stop(const char *what)
{
    perror(what);
    exit(1);
}

static struct side open_side(const char *path)
{
    struct side side = {fopen(path, "r"), pread};

    if (side.stream == NULL)
        stop(path);
    return side;
}

static size_t lines(FILE *stream)
{
    char line[4096];
    size_t count = 0;

    rewind(stream);
    while (fgets(line, sizeof(line), stream) != NULL)
        count++;
    return count;
}

static void compare(const struct side *one, const struct side *other)
{
    int a, b;

    do {
        a = getc_unlocked(one->stream);
        b = getc_unlocked(other->stream);
    } while (a == b && a != EOF);
    if (a != b) {
        fputs("small: the files differ\n", stderr);
        exit(1);
    }
}

static struct took preads(const void *argument)
{
    const struct side *side = argument;
    int fd = fileno(side->stream);
    struct took begin = now();
    char byte;

    for (size_t i = 0; i < PREADS; i++)
        if (side->pread(fd, &byte, 1, (off_t)i) != 1)
            stop("pread");
    return since(begin);
}

static struct took reads_lines(const void *argument)
{
    const struct side *side = argument;
    struct took begin = now();

    if (lines(side->stream) != calls)
        stop("fgets");
    return since(begin);
}

static double native_ns(const struct pair *pair)
{
    return pair->first.cpu / (double)calls;
}

int main(int argc, char **argv)
{
    bool by_pread = argc == 5 && strcmp(argv[1], "pread") == 0;
    struct side proxied, native;
    struct pairs pairs;

    if (argc != 5 || (!by_pread && strcmp(argv[1], "fgets") != 0)) {
        fputs("usage: small pread|fgets PROXIED NATIVE SECONDS\n", stderr);
        return 2;
    }
    proxied = open_side(argv[2]);
    native = open_side(argv[3]);
    libc_function(&native.pread, "pread");
    compare(&proxied, &native);
    calls = by_pread ? PREADS : lines(native.stream);
    pairs = measure_pairs(argv[4], by_pread ? preads : reads_lines, &native, &proxied);
    print_figure(&pairs, "ratio", cpu_ratio);
    print_figure(&pairs, "wall", wall_ratio);
    print_figure(&pairs, "native", native_ns);
    printf("pairs=%zu\n", pairs.count);
    return 0;
}

/*
 * pread_plain.c: what libps adds to a pread of a file that is no proxy; to be preloaded
 *
 *     pread_plain time FILE SECONDS
 *     pread_plain count FILE CALLS
 *
 * time: rounds of calls of libc's pread and of libps's, in turn, in this one
 * process. Prints name=value words, as print_figure in timing.h does: the
 * nanoseconds that a call takes more (more), those of libc's (first), and the
 * number of pairs of rounds. count: only makes so many calls, for strace to
 * count; without libps, too.
 */
#include <fcntl.h>
#include <unistd.h>

#include "libc.h"
#include "timing.h"

enum { ROUND = 1000 };

typedef ssize_t (*pread_function)(int, void *, size_t, off_t);

static int fd;

static void call(pread_function function, size_t calls)
{
    char byte;

    for (size_t i = 0; i < calls; i++)
        if (function(fd, &byte, 1, 0) != 1) {
            perror("pread");
            exit(1);
        }
}

static struct took call_round(const void *function)
{
    struct took begin = now();

    call(*(const pread_function *)function, ROUND);
    return since(begin);
}

static double more_ns(const struct pair *pair)
{
    return (pair->second.cpu - pair->first.cpu) / ROUND;
}

static double first_ns(const struct pair *pair)
{
    return pair->first.cpu / ROUND;
}

static void time_calls(const char *seconds)
{
    pread_function own = pread, libc_own;
    struct pairs pairs;

    libc_function(&libc_own, "pread");
    pairs = measure_pairs(seconds, call_round, &libc_own, &own);
    print_figure(&pairs, "more", more_ns);
    print_figure(&pairs, "first", first_ns);
    printf("pairs=%zu\n", pairs.count);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: pread_plain time FILE SECONDS | count FILE CALLS\n", stderr);
        return 2;
    }
    fd = open(argv[2], O_RDONLY);
    if (fd < 0) {
        perror(argv[2]);
        return 1;
    }
    if (strcmp(argv[1], "time") == 0)
        time_calls(argv[3]);
    else
        call(pread, (size_t)strtoull(argv[3], NULL, 10));
    return 0;
}

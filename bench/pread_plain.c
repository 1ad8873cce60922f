/*
 * pread_plain.c: what one pread of a file that is no proxy takes
 *
 *     pread_plain FILE CALLS
 *
 * Prints the nanoseconds a call, of the fastest of 20 rounds.
 */
#include <fcntl.h>
#include <unistd.h>

#include "timing.h"

#define ROUNDS 20

int main(int argc, char **argv)
{
    size_t calls = argc == 3 ? (size_t)strtoull(argv[2], NULL, 10) : 0;
    double rounds[ROUNDS];
    char byte;
    int fd;

    if (argc != 3) {
        fputs("usage: pread_plain FILE CALLS\n", stderr);
        return 2;
    }
    fd = open(argv[1], O_RDONLY);
    if (fd < 0) {
        perror(argv[1]);
        return 1;
    }
    for (int round = 0; round < ROUNDS; round++) {
        double begin = now_ns();

        for (size_t i = 0; i < calls; i++)
            if (pread(fd, &byte, 1, 0) != 1) {
                perror("pread");
                return 1;
            }
        rounds[round] = (now_ns() - begin) / (double)(calls ? calls : 1);
    }
    printf("%.2f\n", quantile(rounds, ROUNDS, 0));
    return 0;
}

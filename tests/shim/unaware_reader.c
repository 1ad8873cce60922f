/*
 * unaware_reader.c: a program that has no libps; copies descriptor N (0) to standard output
 *
 * run: static tool
 */
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static char bytes[1 << 16];
    int fd = argc > 1 && argv[1][0] >= '0' && argv[1][0] <= '9' ? atoi(argv[1]) : 0;
    ssize_t got;

    while ((got = read(fd, bytes, sizeof(bytes))) > 0)
        if (write(1, bytes, (size_t)got) != got)
            return 1;
    return got < 0;
}

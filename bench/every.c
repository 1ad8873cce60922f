/*
 * every.c: touches of every Nth page of a mapped file
 *
 *     every FILE N
 *
 * Prints ms=<wall time> and sum=<of the bytes that it touched>.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "timing.h"

enum { PAGE = 4096 };

int main(int argc, char **argv)
{
    const unsigned char *bytes;
    struct took begin = now();
    unsigned long sum = 0;
    struct stat st;
    int fd;

    if (argc != 3 || atoi(argv[2]) < 1) {
        fputs("usage: every FILE N\n", stderr);
        return 2;
    }
    fd = open(argv[1], O_RDONLY);
    if (fd < 0 || fstat(fd, &st) < 0) {
        perror(argv[1]);
        return 1;
    }
    bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) {
        perror(argv[1]);
        return 1;
    }
    for (off_t at = 0; at < st.st_size; at += (off_t)PAGE * atoi(argv[2]))
        sum += bytes[at];
    printf("ms=%.1f sum=%lu\n", since(begin).wall / 1e6, sum);
    return 0;
}

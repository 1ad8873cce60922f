/*
 * seqread.c: sequential read(2) of two files of the same size, in turn
 *
 *     seqread NATIVE OTHER PASSES
 *
 * Reads OTHER once before the clock starts, so that a proxied file is
 * resolved. Prints name=value words: the median of the ratios of throughput
 * other/native, and the median throughput of each in GB/s.
 */
#include <fcntl.h>
#include <unistd.h>

#include "timing.h"

#define CALL (1024 * 1024)

static char buffer[CALL];

static int open_file(const char *path)
{
    int fd = open(path, O_RDONLY);

    if (fd < 0) {
        perror(path);
        exit(1);
    }
    return fd;
}

/* read_all: the bytes of the whole file, and the ns that they took */
static double read_all(int fd, uint64_t *bytes)
{
    double begin = now_ns();
    ssize_t got;

    *bytes = 0;
    if (lseek(fd, 0, SEEK_SET) != 0) {
        perror("lseek");
        exit(1);
    }
    while ((got = read(fd, buffer, sizeof(buffer))) > 0)
        *bytes += (uint64_t)got;
    if (got < 0) {
        perror("read");
        exit(1);
    }
    return now_ns() - begin;
}

int main(int argc, char **argv)
{
    size_t passes = argc == 4 ? (size_t)strtoull(argv[3], NULL, 10) : 0;
    double *ratios = new_doubles(passes), *native = new_doubles(passes),
           *other = new_doubles(passes);
    uint64_t native_size, other_size;
    int native_fd, other_fd;

    if (passes == 0) {
        fputs("usage: seqread NATIVE OTHER PASSES\n", stderr);
        return 2;
    }
    native_fd = open_file(argv[1]);
    other_fd = open_file(argv[2]);
    read_all(native_fd, &native_size);
    read_all(other_fd, &other_size);
    if (native_size != other_size || native_size == 0) {
        fputs("seqread: the files differ in size\n", stderr);
        return 1;
    }
    for (size_t i = 0; i < passes; i++) {
        double a, b;

        if (i % 2) {
            b = read_all(other_fd, &other_size);
            a = read_all(native_fd, &native_size);
        } else {
            a = read_all(native_fd, &native_size);
            b = read_all(other_fd, &other_size);
        }
        ratios[i] = a / b;
        native[i] = (double)native_size / a;
        other[i] = (double)other_size / b;
    }
    printf("ratio=%.4f native=%.2f other=%.2f\n", median(ratios, passes), median(native, passes),
           median(other, passes));
    return 0;
}

/*
 * preads.c: random reads of 4 KiB, by several threads
 *
 *     preads FILE COUNT THREADS
 *
 * All of them together read COUNT pages, the same ones in each run. Prints
 * ms=<wall time> and sum=<of the first bytes of the pages>. Asks for the size
 * by lseek, which all that stands for libc's calls knows.
 */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "random.h"
#include "timing.h"

enum { PAGE = 4096, THREADS_MAX = 64 };

static int fd;
static uint64_t pages, each;

static void *reader(void *number)
{
    uint64_t state = 1 + (uint64_t)(uintptr_t)number;
    unsigned char page[PAGE];
    uintptr_t sum = 0;

    for (uint64_t i = 0; i < each; i++) {
        if (pread(fd, page, PAGE, (off_t)(next_random(&state) % pages * PAGE)) != PAGE) {
            fputs("a page can't be read\n", stderr);
            exit(1);
        }
        sum += page[0];
    }
    return (void *)sum;
}

int main(int argc, char **argv)
{
    unsigned threads = argc == 4 ? (unsigned)atoi(argv[3]) : 0;
    pthread_t thread[THREADS_MAX];
    struct took begin;
    uintptr_t all = 0;
    void *sum;
    off_t size;

    if (threads < 1 || threads > THREADS_MAX) {
        fputs("usage: preads FILE COUNT THREADS\n", stderr);
        return 2;
    }
    begin = now();
    fd = open(argv[1], O_RDONLY);
    if (fd < 0 || (size = lseek(fd, 0, SEEK_END)) < 0) {
        perror(argv[1]);
        return 1;
    }
    pages = (uint64_t)size / PAGE;
    each = (uint64_t)atoi(argv[2]) / threads;
    for (uintptr_t i = 0; i < threads; i++)
        pthread_create(&thread[i], NULL, reader, (void *)i);
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(thread[i], &sum);
        all += (uintptr_t)sum;
    }
    printf("ms=%.1f sum=%ju\n", since(begin).wall / 1e6, (uintmax_t)all);
    return 0;
}

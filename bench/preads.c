/*
 * preads.c: random reads of 4 KiB, by several threads
 *
 *     preads FILE COUNT THREADS
 *
 * All of them together read COUNT pages, the same ones in each run. Prints
 * ms=<wall time>.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "random.h"
#include "timing.h"

enum { PAGE = 4096, THREADS_MAX = 64 };

static int fd;
static uint64_t pages, each;

static void *reader(void *number)
{
    uint64_t state = 1 + (uint64_t)(uintptr_t)number;
    char page[PAGE];

    for (uint64_t i = 0; i < each; i++)
        if (pread(fd, page, PAGE, (off_t)(next_random(&state) % pages * PAGE)) != PAGE) {
            fputs("a page can't be read\n", stderr);
            exit(1);
        }
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned threads = argc == 4 ? (unsigned)atoi(argv[3]) : 0;
    pthread_t thread[THREADS_MAX];
    struct took begin;
    struct stat st;

    if (threads < 1 || threads > THREADS_MAX) {
        fputs("usage: preads FILE COUNT THREADS\n", stderr);
        return 2;
    }
    begin = now();
    fd = open(argv[1], O_RDONLY);
    if (fd < 0 || fstat(fd, &st) < 0) {
        perror(argv[1]);
        return 1;
    }
    pages = (uint64_t)st.st_size / PAGE;
    each = (uint64_t)atoi(argv[2]) / threads;
    for (uintptr_t i = 0; i < threads; i++)
        pthread_create(&thread[i], NULL, reader, (void *)i);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    printf("ms=%.1f\n", since(begin).wall / 1e6);
    return 0;
}

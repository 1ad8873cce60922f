/*
 * shared_offset.c: readers that share one offset see every byte once
 *
 * Four threads, then four processes, read 40 MB together. A reader does not
 * know which part it got, so the parts are counted by their contents: the sum
 * over all bytes must be the object's, and no byte may be zero. Three times
 * each. RAW=1: lseek, make ready, read, as three calls; a part that was made
 * ready is then not the part that is read.
 *
 * run: raw
 */
#include "check.h"

#include <pthread.h>

enum { READERS = 4, PIECE = 37777 };

static _Atomic uint64_t *sum, *total, *zeros;
static int fd;

static ssize_t read_piece(unsigned char *piece)
{
    off_t at;

    if (!is_raw())
        return read(fd, piece, PIECE);
    at = lseek(fd, 0, SEEK_CUR);
    if (pread(fd, piece, PIECE, at) < 0)
        return -1;
    return raw_call(SYS_read, fd, (long)piece, PIECE, 0, 0, 0);
}

static void *reader(void *unused)
{
    unsigned char piece[PIECE];
    uint64_t my_sum = 0, my_zeros = 0, my_total = 0;
    ssize_t got;

    (void)unused;
    while ((got = read_piece(piece)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            my_sum += piece[i];
            my_zeros += piece[i] == 0;
        }
        my_total += (uint64_t)got;
    }
    CHECK(got == 0);
    *sum += my_sum;
    *total += my_total;
    *zeros += my_zeros;
    return NULL;
}

static void by_threads(void)
{
    pthread_t threads[READERS];

    for (int i = 0; i < READERS; i++)
        CHECK(pthread_create(&threads[i], NULL, reader, NULL) == 0);
    for (int i = 0; i < READERS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

static void by_processes(void)
{
    pid_t children[READERS];

    for (int i = 0; i < READERS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            reader(NULL);
            _exit(0);
        }
    }
    for (int i = 0; i < READERS; i++)
        reap(children[i]);
}

int main(void)
{
    uint64_t right = 0;

    sum = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(sum != MAP_FAILED);
    total = sum + 1;
    zeros = sum + 2;
    for (uint64_t i = 0; i < BIG; i++)
        right += byte_at(i);
    for (int round = 0; round < 6; round++) {
        pid_t child = fork(); /* for an image with nothing in it */
        if (child == 0) {
            *sum = *total = *zeros = 0;
            fd = open_px("big");
            round % 2 ? by_threads() : by_processes();
            if (*zeros != 0)
                FAIL("ZERO: %llu of them, %s", (unsigned long long)*zeros,
                     round % 2 ? "threads" : "processes");
            CHECK(*total == BIG);
            CHECK(*sum == right);
            _exit(0);
        }
        reap(child);
    }
    return 0;
}

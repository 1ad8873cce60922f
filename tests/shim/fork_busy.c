/*
 * fork_busy.c: fifty forks of a parent whose threads allocate, read and touch all the time
 *
 * Every second fork is _Fork: its child may use no lock that was held then.
 *
 * run: no-asan (its malloc may be locked for ever in a child)
 */
#include "check.h"

#include <pthread.h>

static unsigned char *map;
static _Atomic int stop;

static void *busy(void *number)
{
    uint64_t state = (uintptr_t)number;
    unsigned char piece[100];
    int fd = open_px("big");

    while (!stop) {
        uint64_t at;
        void *memory = malloc(state % 5000 + 1);
        state = state * 6364136223846793005u + 1442695040888963407u;
        at = (state >> 20) % (BIG - sizeof(piece));
        BYTES(map + at, sizeof(piece), at);
        CHECK(pread(fd, piece, sizeof(piece), (off_t)at) == sizeof(piece));
        BYTES(piece, sizeof(piece), at);
        free(memory);
    }
    CHECK(close(fd) == 0);
    return NULL;
}

static void child(int round)
{
    uint64_t state = (uint64_t)round * 77777 + 5;

    time_limit(10);
    for (int i = 0; i < 20; i++) {
        uint64_t at;
        state = state * 6364136223846793005u + 1442695040888963407u;
        at = (state >> 20) % (BIG - 64);
        BYTES(map + at, 64, at);
    }
    _exit(0);
}

int main(void)
{
    pthread_t threads[3];

    map = map_px("big", BIG, PROT_READ, MAP_PRIVATE);
    for (uintptr_t i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, busy, (void *)(i + 1)) == 0);
    for (int round = 0; round < 50; round++) {
        pid_t pid = round % 2 ? _Fork() : fork();
        int status;
        if (pid == 0)
            child(round);
        CHECK(waitpid(pid, &status, 0) == pid);
        if (status != 0)
            FAIL("child %d, by %s: 0x%x", round, round % 2 ? "_Fork" : "fork", status);
    }
    stop = 1;
    for (int i = 0; i < 3; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    return 0;
}

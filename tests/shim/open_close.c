/*
 * open_close.c: threads that open, read and close the same proxies all the time
 *
 * run: memcheck
 */
#include "check.h"

#include <pthread.h>

static void *thread(void *number)
{
    unsigned char piece[3000];

    for (int i = 0; i < 700; i++) {
        uint64_t at = ((uint64_t)i * 7919 + (uintptr_t)number * 104729) % (SMALL - sizeof(piece));
        int fd = open_px(i % 3 == 0 ? "small.other" : "small");
        struct stat st;

        CHECK(fstat(fd, &st) == 0 && st.st_size == SMALL);
        CHECK(pread(fd, piece, sizeof(piece), (off_t)at) == sizeof(piece));
        BYTES(piece, sizeof(piece), at);
        if (i % 5 == 0) {
            FILE *in = fdopen(fd, "r");
            CHECK(in != NULL && fread(piece, 1, sizeof(piece), in) == sizeof(piece));
            BYTES(piece, sizeof(piece), 0);
            CHECK(fclose(in) == 0);
        } else {
            CHECK(close(fd) == 0);
        }
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[3];

    for (uintptr_t i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, thread, (void *)i) == 0);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    return 0;
}

/*
 * fork_reads.c: reads by descriptor in parent and child, an object opened only in the child
 *
 * run: memcheck
 */
#include "check.h"

static unsigned char bytes[SMALL];

int main(void)
{
    int fd = open_px("small"), other;
    pid_t child;

    CHECK(pread(fd, bytes, PAGE, 0) == PAGE);
    child = fork();
    if (child == 0) {
        unsigned char *map;
        CHECK(pread(fd, bytes, SMALL / 2, SMALL / 4) == SMALL / 2);
        BYTES(bytes, SMALL / 2, SMALL / 4);
        map = map_px("big", BIG, PROT_READ, MAP_SHARED);
        BYTES(map + BIG / 2, PAGE, BIG / 2);
        other = open_px("page+1");
        CHECK(read(other, bytes, SMALL) == PAGE + 1);
        BYTES(bytes, PAGE + 1, 0);
        _exit(0);
    }
    reap(child);
    CHECK(read(fd, bytes, SMALL) == SMALL);
    BYTES(bytes, SMALL, 0);
    return 0;
}

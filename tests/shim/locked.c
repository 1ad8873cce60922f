/*
 * locked.c: mlockall(MCL_FUTURE), which fills mappings as they are made, and what fills them later
 *
 * run: root no-asan
 */
#include "check.h"

static void later(void)
{
    unsigned char *private = map_px("small", SMALL, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    unsigned char *shared = map_px("small.other", SMALL, PROT_READ, MAP_SHARED);
    int advised;

    CHECK(mlock(private + 7, SMALL / 2) == 0);
    BYTES(private, SMALL / 2, 0);
    CHECK(mlock2(shared + 3 * PAGE, 5 * PAGE, 0) == 0);
    CHECK(mlock2(shared, SMALL, MLOCK_ONFAULT) == 0);
    CHECK(syscall(SYS_mlock, shared + 60 * PAGE, PAGE) == 0);
    advised = madvise(shared + 100 * PAGE, 20 * PAGE, 22 /* MADV_POPULATE_READ */);
    CHECK(advised == 0 || errno == EINVAL); /* Linux before 5.14 */
    BYTES(shared, SMALL, 0);
    CHECK(munlock(private, SMALL) == 0);
    BYTES(private, SMALL, 0);
    FAILS(mlock((void *)(16 * PAGE), 5), ENOMEM);
    CHECK(mlock(NULL, 0) == 0);
}

int main(void)
{
    unsigned char *private, *shared;
    pid_t child = fork();

    if (child == 0) {
        later();
        _exit(0);
    }
    reap(child);
    CHECK(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
    private = map_px("small", SMALL, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    BYTES(private + 50 * PAGE, PAGE, 50 * PAGE);
    private[9] = 1;
    BYTES(private + 10, SMALL - 10, 10);
    CHECK(munmap(private, SMALL) == 0);
    shared = map_px("small.other", SMALL, PROT_READ, MAP_SHARED);
    BYTES(shared, SMALL, 0);
    return 0;
}

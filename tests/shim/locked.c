/*
 * locked.c: mlockall(MCL_FUTURE), which fills mappings as they are made
 *
 * run: root
 */
#include "check.h"

int main(void)
{
    unsigned char *private, *shared;

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

/*
 * fail_dropped.c: a page that the program wrote, and drops when its block can't be had any more
 *
 * run: link talks
 */
#include "check.h"

#include <ps/ps.h>

int main(void)
{
    struct ps_error err = {0};
    unsigned char *map = ps_lazy_map(px("error"), NULL, NULL, &err);
    volatile unsigned char seen = 0;

    CHECK(map != NULL);
    map[5 * PAGE] = 7;
    CHECK(ps_evict(map, 0, 0, &err) >= 0);
    turn(1);
    CHECK(map[5 * PAGE] == 7); /* the block is not here: the page is the program's own */
    CHECK(madvise(map + 5 * PAGE, PAGE, MADV_DONTNEED) == 0);
    catch_faults(SIGBUS);
    CHECK(FAULT(seen = map[5 * PAGE]) == SIGBUS);
    CHECK(seen == 0);
    return 0;
}

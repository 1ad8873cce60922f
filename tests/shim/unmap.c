/*
 * unmap.c: ps_unmap takes all that is left of its map, and nothing else
 *
 * run: link
 */
#include "check.h"

#include <ps/ps.h>

static int is_mapped(unsigned char *page)
{
    unsigned char there;

    return mincore(page, PAGE, &there) == 0;
}

int main(void)
{
    unsigned char *map = ps_lazy_map(px("small"), NULL, NULL, NULL), *other;
    int fd = open_px("page+1");

    CHECK(map != NULL);
    other = mmap(map + 10 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);
    CHECK(other == map + 10 * PAGE && munmap(map + 20 * PAGE, 5 * PAGE) == 0);
    CHECK(mprotect(map + 30 * PAGE, PAGE, PROT_NONE) == 0);
    CHECK(ps_unmap(map) == 0);
    CHECK(!ps_is_proxy(map) && !is_mapped(map) && !is_mapped(map + 9 * PAGE));
    CHECK(!ps_is_proxy(map + 11 * PAGE) && !is_mapped(map + 11 * PAGE));
    CHECK(!is_mapped(map + 30 * PAGE) && !is_mapped(map + SMALL / PAGE * PAGE));
    CHECK(ps_is_proxy(other));
    BYTES(other, PAGE, 0);
    CHECK(ps_unmap(map) == PS_E_INVALID);
    return 0;
}

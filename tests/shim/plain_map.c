/*
 * plain_map.c: maps that need no watching, beside lazy memory: their faults are the program's own
 *
 * run: link
 */
#include "check.h"

#include <ps/ps.h>

static unsigned char *lazy(const char *name, unsigned flags)
{
    struct ps_map_options options = {sizeof(options), flags};
    struct ps_error err = {0};
    unsigned char *at = ps_lazy_map(px(name), NULL, &options, &err);

    if (at == NULL)
        FAIL("%s", err.message);
    return at;
}

/* After the program's handler jumped out, its touches and calls are served as before. */
static void served_still(unsigned char *watched)
{
    unsigned char piece[100];
    int fd = open_px("page+1");

    CHECK(pread(fd, piece, 100, 500) == 100 && close(fd) == 0);
    BYTES(piece, 100, 500);
    BYTES(watched + 700000, PAGE, 700000);
}

int main(void)
{
    unsigned char *watched = lazy("small", 0), *direct, *empty;

    BYTES(watched, 10, 0);
    catch_faults(SIGSEGV);
    direct = lazy("direct", PS_MAP_READ_ONLY);
    BYTES(direct, SMALL, 0);
    CHECK(FAULT(*(volatile unsigned char *)(direct + 100) = 1) == SIGSEGV);
    CHECK(fault_address == direct + 100);
    empty = lazy("empty", 0);
    CHECK(FAULT((void)*(volatile unsigned char *)(empty + 1)) == SIGSEGV);
    CHECK(fault_address == empty + 1);
    served_still(watched);
    return 0;
}

/*
 * map_write.c: what a program writes in a private mapping is its own
 *
 * run: memcheck
 */
#include "check.h"

int main(void)
{
    unsigned char *mine = map_px("small", SMALL, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    unsigned char *other = map_px("small", SMALL, PROT_READ, MAP_SHARED);
    unsigned char *bytes = malloc(SMALL);
    int fd = open_px("small");

    /* one byte of pages that nobody read: the rest of the page must be there all the same */
    for (size_t page = 0; page < SMALL; page += 7 * PAGE) {
        mine[page + 99] = 0;
        mine[page + 99]++;
    }
    for (size_t i = 0; i < SMALL; i++) {
        unsigned char right = i % (7 * PAGE) == 99 ? 1 : byte_at(i);
        if (mine[i] != right)
            FAIL("%s at %zu: 0x%02x", mine[i] == 0 ? "ZERO" : "wrong byte", i, mine[i]);
    }
    BYTES(other, SMALL, 0);
    CHECK(bytes != NULL && read(fd, bytes, SMALL) == SMALL);
    BYTES(bytes, SMALL, 0);
    return 0;
}

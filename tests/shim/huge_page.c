/*
 * huge_page.c: how many pages of a memfd are present when one was written
 *
 * run: tool
 */
#include "check.h"

int main(void)
{
    static unsigned char present[1024];
    int fd = (int)syscall(SYS_memfd_create, "check", 0), count = 0;
    void *at;

    CHECK(fd >= 0 && ftruncate(fd, 1024 * PAGE) == 0 && pwrite(fd, "x", 1, 300 * PAGE) == 1);
    at = mmap(NULL, 1024 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(at != MAP_FAILED && mincore(at, 1024 * PAGE, present) == 0);
    for (int i = 0; i < 1024; i++)
        count += present[i] & 1;
    printf("%d\n", count);
    return 0;
}

/* map_fixed.c: MAP_FIXED over lazy memory, lazy memory by MAP_FIXED, and holes made by munmap */
#include "check.h"

#include <sys/resource.h>

enum { PAGES = 64 };

static unsigned char *map_some(int prot)
{
    int fd = open_px("small");
    unsigned char *at = mmap(LONE_PLACE, PAGES * PAGE, prot, MAP_PRIVATE, fd, 0);

    CHECK(at != MAP_FAILED && close(fd) == 0);
    return at;
}

static void plain_over_lazy(void)
{
    unsigned char *at = map_some(PROT_READ);
    int plain = open(data("small"), O_RDONLY);

    CHECK(mmap(at + 10 * PAGE, 3 * PAGE, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at + 10 * PAGE);
    CHECK(mmap(at + 20 * PAGE, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, plain, 100 * PAGE) ==
          at + 20 * PAGE);
    memset(at + 10 * PAGE, 0x5a, 3 * PAGE);
    BYTES(at, 10 * PAGE, 0);
    BYTES(at + 13 * PAGE, 7 * PAGE, 13 * PAGE);
    BYTES(at + 20 * PAGE, 2 * PAGE, 100 * PAGE);
    BYTES(at + 22 * PAGE, 42 * PAGE, 22 * PAGE);
    CHECK(at[10 * PAGE] == 0x5a && at[13 * PAGE - 1] == 0x5a);
    CHECK(munmap(at, PAGES * PAGE) == 0);
}

static void lazy_over_all(void)
{
    unsigned char *at =
        mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = open_px("small");

    CHECK(at != MAP_FAILED);
    memset(at, 0x77, PAGES * PAGE);
    CHECK(mmap(at + PAGE, 20 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == at + PAGE);
    /* and over a part of that, from elsewhere in the object */
    CHECK(mmap(at + 5 * PAGE, 4 * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 99 * PAGE) ==
          at + 5 * PAGE);
    CHECK(at[0] == 0x77 && at[21 * PAGE] == 0x77);
    BYTES(at + PAGE, 4 * PAGE, 0);
    BYTES(at + 5 * PAGE, 4 * PAGE, 99 * PAGE);
    BYTES(at + 9 * PAGE, 12 * PAGE, 8 * PAGE);
    CHECK(munmap(at, PAGES * PAGE) == 0);
}

/* What is mapped into a hole must not be taken for lazy memory any more. */
static void unmap_parts(void)
{
    unsigned char *at = map_some(PROT_READ | PROT_WRITE), *page;

    CHECK(munmap(at + 8 * PAGE, 4 * PAGE) == 0 && munmap(at, PAGE) == 0);
    CHECK(munmap(at + 60 * PAGE, 4 * PAGE) == 0);
    page = mmap(at + 9 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED && page[5] == 0);
    BYTES(at + PAGE, 7 * PAGE, PAGE);
    BYTES(at + 12 * PAGE, 48 * PAGE, 12 * PAGE);
    catch_faults(SIGSEGV);
    CHECK(FAULT((void)*(volatile unsigned char *)(at + 8 * PAGE)) == SIGSEGV);
    CHECK(fault_address == at + 8 * PAGE);
    FAILS(munmap(at + 1, PAGE), EINVAL);
    FAILS(munmap(at, 0), EINVAL);
    BYTES(at + PAGE, 7 * PAGE, PAGE);
}

/* What the kernel refuses leaves all of it as it was, in however many pieces. */
static void refused(void)
{
    struct rlimit limit = {1 << 20, RLIM_INFINITY};
    unsigned char *at = map_some(PROT_READ);
    int lazy = open_px("small"), plain = open(data("small"), O_RDONLY);

    BYTES(at, 1, 0);
    for (size_t page = 1; page < PAGES; page += 3)
        CHECK(munmap(at + page * PAGE, PAGE) == 0);
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    FAILS(mmap(at, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_FIXED, lazy, 0), ENOMEM);
    FAILS(mmap(at, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_FIXED, plain, 0), ENOMEM);
    for (size_t page = 2; page + 2 < PAGES; page += 3)
        BYTES(at + page * PAGE, 2 * PAGE, page * PAGE);
}

int main(void)
{
    const struct check_case cases[] = {CASE(plain_over_lazy), CASE(lazy_over_all),
                                       CASE(unmap_parts), CASE(refused)};

    return CASES(cases, NULL);
}

/*
 * dropped.c: a program that gives up its privileges can open its proxies again
 *
 * run: root
 */
#include "check.h"

static void read_some(int fd, off_t offset)
{
    unsigned char bytes[100];

    CHECK(pread(fd, bytes, sizeof(bytes), offset) == sizeof(bytes));
    BYTES(bytes, sizeof(bytes), offset);
}

static void for_good(void)
{
    int before = open_px("small");

    CHECK(setuid(65534) == 0);
    read_some(open_px("small"), 0);
    read_some(open_px("small"), 500000);
    read_some(before, 900000);
}

static void for_a_while(void)
{
    int before = open_px("small");

    CHECK(seteuid(65534) == 0);
    read_some(open_px("small"), 0);
    CHECK(seteuid(0) == 0);
    read_some(open_px("small"), 500000);
    read_some(before, 900000);
}

int main(void)
{
    const struct check_case cases[] = {CASE(for_good), CASE(for_a_while)};

    return CASES(cases, NULL);
}

/*
 * numbers.c: open of a proxy gives the lowest free number, as every open; with none left, EMFILE
 *
 * run: talks
 */
#include "check.h"

#include <sys/resource.h>

static void lowest(void)
{
    int first = open("/dev/null", O_RDONLY), second = open_px("small"), third;

    CHECK(first == 3 && second == 4);
    CHECK(close(first) == 0);
    third = open_px("small.other");
    CHECK(third == 3);
    CHECK(close(second) == 0 && open("/dev/null", O_RDONLY) == 4);
    CHECK(open_px("page") == 5 && dup(3) == 6);
    CHECK(fcntl(3, F_GETFD) == 0 && fcntl(3, F_GETFL) != -1);
    CHECK((fcntl(3, F_GETFL) & O_ACCMODE) == O_RDONLY);
    third = open(px("small"), O_RDONLY | O_CLOEXEC);
    CHECK(third == 7 && fcntl(third, F_GETFD) == FD_CLOEXEC);
}

static void exhausted(void)
{
    struct rlimit limit = {40, 40};
    unsigned char *map, piece[PAGE];
    int fd, last = -1;

    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    map = map_px("small", SMALL, PROT_READ, MAP_PRIVATE);
    fd = open_px("small");
    while ((last = open("/dev/null", O_RDONLY)) >= 0)
        ;
    CHECK(errno == EMFILE);
    BYTES(map, SMALL / 2, 0);
    CHECK(pread(fd, piece, PAGE, SMALL - PAGE) == PAGE);
    BYTES(piece, PAGE, SMALL - PAGE);
}

static void exhausted_before(void)
{
    struct rlimit limit = {20, 20};
    int last = -1, fd;

    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    while ((fd = open("/dev/null", O_RDONLY)) >= 0)
        last = fd;
    FAILS(open(px("small"), O_RDONLY), EMFILE);
    CHECK(close(last) == 0);
    /* one number is free: the object needs some of its own */
    FAILS(open(px("small"), O_RDONLY), EMFILE);
    for (fd = 3; fd <= last; fd++)
        close(fd);
    fd = open_px("small");
    CHECK(fd == 3 && read(fd, &limit, 8) == 8);
    BYTES(&limit, 8, 0);
}

int main(void)
{
    const struct check_case cases[] = {CASE(lowest), CASE(exhausted), CASE(exhausted_before)};

    return CASES(cases, NULL);
}

/*
 * touch_interrupted.c: a handler that runs while a touch waits reads proxies as ever, or jumps out
 */
#include "check.h"

#include <sys/time.h>

static sigjmp_buf back;
static unsigned char *map;
static int fd;
static volatile int handled;

static void reads(int number)
{
    unsigned char piece[100];

    (void)number;
    CHECK(pread(fd, piece, sizeof(piece), 700000) == sizeof(piece));
    BYTES(piece, sizeof(piece), 700000);
    handled = 1;
}

static void jumps(int number)
{
    (void)number;
    siglongjmp(back, 1);
}

/* Its fetch takes 400 ms; the signal comes after 100. */
static void touch(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    struct itimerval soon = {{0, 0}, {0, 100000}};

    fd = open_px("small");
    map = map_px("slower", SMALL, PROT_READ, MAP_PRIVATE);
    CHECK(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &soon, NULL) == 0);
    if (sigsetjmp(back, 1) == 0)
        BYTES(map + 200000, 100, 200000);
}

static void handler_reads(void)
{
    touch(reads);
    CHECK(handled);
}

static void handler_jumps(void)
{
    unsigned char piece[100];

    touch(jumps);
    CHECK(pread(fd, piece, sizeof(piece), 900000) == sizeof(piece));
    BYTES(piece, sizeof(piece), 900000);
    BYTES(map + 200000, 100, 200000);
}

int main(void)
{
    const struct check_case cases[] = {CASE(handler_reads), CASE(handler_jumps)};

    return CASES(cases, NULL);
}

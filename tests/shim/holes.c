/*
 * holes.c: what is here already, between what is missing, is bridged: few requests bring the rest
 *
 * run: link memcheck
 */
#include "check.h"

#include <ps/ps.h>

enum { STEP = 3, PAGES = 96 }; /* every third page is here */

static unsigned char bytes[PAGES * PAGE];

static uint64_t requests(void)
{
    static struct ps_stats stats = {.struct_size = sizeof(stats)};
    int (*get)(const void *, struct ps_stats *, struct ps_error *) =
        (int (*)(const void *, struct ps_stats *, struct ps_error *))dlsym(RTLD_DEFAULT,
                                                                           "ps_stats_get");

    CHECK(get != NULL && get(NULL, &stats, NULL) == 0);
    return stats.requests;
}

/* Its pages were asked for at random: nothing is fetched ahead. */
static int with_holes(const char *name)
{
    int fd = open_px(name);

    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM) == 0);
    for (int i = 0; i < PAGES; i += STEP) {
        CHECK(pread(fd, bytes, 10, (off_t)i * PAGE) == 10);
        BYTES(bytes, 10, (uint64_t)i * PAGE);
    }
    return fd;
}

static void bridged(void)
{
    int fd = with_holes("big");
    uint64_t before = requests();

    CHECK(before >= PAGES / STEP);
    CHECK(pread(fd, bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes));
    BYTES(bytes, sizeof(bytes), 0);
    if (requests() - before > PAGES / STEP / 4)
        FAIL("%d requests for %d holes", (int)(requests() - before), PAGES / STEP);
    CHECK(close(fd) == 0);
}

/* A request that fails takes nothing away that was here. */
static void failed(void)
{
    int fd = with_holes("error");

    hear();
    turn(1);
    FAILS(pread(fd, bytes, sizeof(bytes), 0), EIO);
    heard_one("error", "pread", NULL);
    for (int i = 0; i < PAGES; i += STEP) {
        CHECK(pread(fd, bytes, PAGE, (off_t)i * PAGE) == PAGE);
        BYTES(bytes, PAGE, (uint64_t)i * PAGE);
    }
    FAILS(pread(fd, bytes, 1, PAGE), EIO);
    turn(0);
    CHECK(pread(fd, bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes));
    BYTES(bytes, sizeof(bytes), 0);
    CHECK(close(fd) == 0);
}

int main(void)
{
    bridged();
    failed();
    return 0;
}

/*
 * left.c: what a process had in flight when it ended keeps nobody waiting
 *
 * A child looks ahead to every second page, and ends before any of them is
 * there, by itself or killed; its parent reads, or touches, all. Were each page
 * to cost what a slow process is given, that would take minutes.
 */
#include "check.h"

static void look_ahead(int fd)
{
    for (off_t offset = 0; offset < SMALL; offset += 2 * PAGE)
        CHECK(posix_fadvise(fd, offset, PAGE, POSIX_FADV_WILLNEED) == 0);
}

static void leave(int fd, int killed)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        look_ahead(fd);
        if (killed)
            kill(getpid(), SIGKILL);
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(killed ? WIFSIGNALED(status) : status == 0);
}

static void read_all(void)
{
    static unsigned char bytes[SMALL];
    int fd = open_px("slow");

    leave(fd, 0);
    CHECK(pread(fd, bytes, SMALL, 0) == SMALL);
    BYTES(bytes, SMALL, 0);
}

static void touch_all(void)
{
    int fd = open_px("slow");
    unsigned char *at = mmap(NULL, SMALL, PROT_READ, MAP_PRIVATE, fd, 0);

    CHECK(at != MAP_FAILED);
    leave(fd, 1);
    BYTES(at, SMALL, 0);
}

/* Two that go on while a third has gone. */
static void siblings(void)
{
    int fd = open_px("slow");
    pid_t child[2];

    leave(fd, 1);
    for (int i = 0; i < 2; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            static unsigned char bytes[SMALL];
            CHECK(pread(fd, bytes, SMALL, 0) == SMALL);
            BYTES(bytes, SMALL, 0);
            _exit(0);
        }
    }
    reap(child[0]);
    reap(child[1]);
}

static const struct check_case cases[] = {CASE(read_all), CASE(touch_all), CASE(siblings)};

int main(void)
{
    return CASES(cases, NULL);
}

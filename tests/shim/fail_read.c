/*
 * fail_read.c: an object that can't be had is EIO, or ESTALE, and one line; later it can be had
 *
 * run: memcheck
 */
#include "check.h"

#include <sys/sendfile.h>

static unsigned char bytes[SMALL];

static void kind(const char *name, const char *cause, int error)
{
    int fd;
    FILE *in;

    hear();
    fd = open_px(name);
    turn(1);
    FAILS(pread(fd, bytes, 100, 400 * 1024), error);
    heard_one(name, "bytes 409600 to ", "pread", cause, NULL);
    turn(0);
    errno = 0;
    CHECK(pread(fd, bytes, 100, 400 * 1024) == 100);
    BYTES(bytes, 100, 400 * 1024);
    turn(1);
    hear();
    CHECK(lseek(fd, 800000, SEEK_SET) == 800000);
    FAILS(read(fd, bytes, 1000), error);
    CHECK(lseek(fd, 0, SEEK_CUR) == 800000); /* nothing was read */
    heard_one("read", NULL);
    CHECK(pread(fd, bytes, 100, 400 * 1024) == 100); /* what is here stays */
    hear();
    in = fopen(px(name), "r");
    CHECK(in != NULL && fread(bytes, 1, 100, in) == 0 && ferror(in));
    heard_one("stream", NULL);
    turn(0);
    CHECK(fclose(in) == 0);
    CHECK(pread(fd, bytes, SMALL, 0) == SMALL);
    BYTES(bytes, SMALL, 0);
    CHECK(close(fd) == 0);
}

static void opens(void)
{
    hear();
    FAILS(open(px("refused"), O_RDONLY), EACCES);
    heard_one("refused", "allow", NULL);
    hear();
    {
        int fd = open(px("gone"), O_RDONLY);
        if (fd >= 0)
            FAILS(read(fd, bytes, 10), EIO);
        heard_one("gone", NULL);
    }
    hear();
    {
        int fd = open(px("changed"), O_RDONLY);
        CHECK(fd >= 0 || errno == ESTALE);
        if (fd >= 0)
            FAILS(read(fd, bytes, 10), ESTALE);
        heard_one("changed", NULL);
    }
}

static void stalls(void)
{
    int fd;

    hear();
    fd = open_px("stall");
    turn(1);
    CHECK(pread(fd, bytes, SMALL, 0) == SMALL);
    BYTES(bytes, SMALL, 0);
    heard_nothing();
}

static void while_populated(void)
{
    int fd = open_px("error");

    hear();
    turn(1);
    CHECK(mmap(NULL, SMALL, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0) == MAP_FAILED);
    turn(0);
    FAILS(mmap(NULL, SMALL, PROT_READ, MAP_PRIVATE | MAP_POPULATE, 9999, 0), EBADF);
    {
        unsigned char *at = mmap(NULL, SMALL, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
        CHECK(at != MAP_FAILED);
        BYTES(at, SMALL, 0);
    }
}

static void case_error(void)
{
    kind("error", "on purpose: no answer", EIO);
}

static void case_short(void)
{
    kind("short", "on purpose", EIO);
}

static void case_stale(void)
{
    kind("stale", "on purpose", ESTALE);
}

static void case_length(void)
{
    kind("wrong-length", "", ESTALE);
}

/* A backend that fails and does not say why: what was in the buffer is no byte of the object. */
static void case_silent(void)
{
    kind("silent", "no reason", EIO);
}

int main(void)
{
    const struct check_case cases[] = {{case_error, "error"},   {case_short, "short"},
                                       {case_stale, "stale"},   {case_length, "wrong length"},
                                       {case_silent, "silent"}, {opens, "opens"},
                                       {stalls, "stall"},       {while_populated, "MAP_POPULATE"}};

    return CASES(cases, flag_off);
}

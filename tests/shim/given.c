/*
 * given.c: a proxy file that was opened before libps came, under any number
 *
 * A shell without libps opens it ("3<proxy"); here the open goes around libps.
 *
 * run: talks
 */
#include "check.h"

#include <sys/sendfile.h>

static unsigned char bytes[SMALL];

static int given(const char *name, int flags)
{
    int fd = (int)raw_call(SYS_openat, AT_FDCWD, (long)px(name), flags, 0, 0, 0);

    CHECK(fd >= 0);
    return fd;
}

static void by_read(void)
{
    int fd = given("small", O_RDONLY);

    CHECK(read(fd, bytes, 1000) == 1000 && read(fd, bytes + 1000, 9) == 9);
    BYTES(bytes, 1009, 0);
    CHECK(fcntl(fd, F_GETFD) == 0);
    fd = given("direct", O_RDONLY | O_CLOEXEC);
    CHECK(pread(fd, bytes, SMALL, 0) == SMALL);
    BYTES(bytes, SMALL, 0);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
}

static void by_seek(void)
{
    int fd = given("small", O_RDONLY);

    CHECK(lseek(fd, -10, SEEK_END) == SMALL - 10 && read(fd, bytes, 100) == 10);
    BYTES(bytes, 10, SMALL - 10);
}

static void by_stat(void)
{
    int fd = given("small", O_RDONLY);
    struct stat st, by_path;
    struct statx x;

    CHECK(stat(px("small"), &by_path) == 0 && by_path.st_size == SMALL);
    for (int i = 0; i < 2; i++) { /* before it is read, and after */
        CHECK(fstat(fd, &st) == 0 && st.st_size == SMALL && st.st_ino == by_path.st_ino);
        CHECK(fstatat(fd, "", &st, AT_EMPTY_PATH) == 0 && st.st_size == SMALL);
        CHECK(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x) == 0 && x.stx_size == SMALL);
        CHECK(read(fd, bytes, 1) == 1 && bytes[0] == byte_at((uint64_t)i));
    }
}

static void by_map(void)
{
    int fd = given("small", O_RDONLY);

    BYTES(mmap(NULL, SMALL, PROT_READ, MAP_PRIVATE, fd, 0), SMALL, 0);
}

static void by_stream(void)
{
    FILE *in = fdopen(given("small", O_RDONLY), "r");

    CHECK(in != NULL && fread(bytes, 1, SMALL, in) == SMALL && getc(in) == EOF);
    BYTES(bytes, SMALL, 0);
}

static void by_copy(void)
{
    int out = open(tmp("out"), O_RDWR | O_CREAT | O_TRUNC, 0600);

    CHECK(sendfile(out, given("small", O_RDONLY), NULL, 5000) == 5000);
    CHECK(pread(out, bytes, 5000, 0) == 5000);
    BYTES(bytes, 5000, 0);
}

static void not_to_be_had(void)
{
    int fd = given("refused", O_RDONLY);

    hear();
    FAILS(read(fd, bytes, 10), EACCES);
    heard_one("refused", "inherited descriptor", NULL);
    FAILS(pread(fd, bytes, 10, 0), EACCES);
    CHECK(mmap(NULL, 10, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EACCES);
    CHECK(fdopen(fd, "r") == NULL && errno == EACCES);
}

/* Who has read a part of it already, or may write it, knows what it is. */
static void left_alone(void)
{
    int fd = given("small", O_RDONLY);

    CHECK(raw_call(SYS_lseek, fd, 1, SEEK_SET, 0, 0, 0) == 1);
    CHECK(read(fd, bytes, 3) == 3 && memcmp(bytes, "PSX", 3) == 0);
    fd = (int)raw_call(SYS_openat, AT_FDCWD, (long)tmp("victim"), O_RDWR, 0, 0, 0);
    CHECK(fd >= 0 && read(fd, bytes, 4) == 4 && memcmp(bytes, "%PSX", 4) == 0);
}

int main(void)
{
    const struct check_case cases[] = {CASE(by_read),       CASE(by_seek),   CASE(by_stat),
                                       CASE(by_map),        CASE(by_stream), CASE(by_copy),
                                       CASE(not_to_be_had), CASE(left_alone)};

    return CASES(cases, NULL);
}

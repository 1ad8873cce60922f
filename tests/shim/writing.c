/*
 * writing.c: a proxy is a file on a read-only file system; what replaces it, replaces it
 *
 * run: memcheck
 */
#include "check.h"

static void refused(const char *path)
{
    int flags[] = {O_RDWR, O_WRONLY, O_WRONLY | O_APPEND, O_RDWR | O_CREAT, O_RDWR | O_SYNC};
    const char *modes[] = {"r+", "a", "a+", "r+b"};

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        FAILS(open(path, flags[i], 0600), EROFS);
    FAILS(openat(AT_FDCWD, path, O_RDWR), EROFS);
    FAILS(syscall(SYS_openat, AT_FDCWD, path, O_RDWR, 0), EROFS);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        errno = 0;
        CHECK(fopen(path, modes[i]) == NULL && errno == EROFS);
    }
}

static void by_descriptor(const char *path)
{
    int fd = open(path, O_RDONLY);
    char link[64], byte;

    CHECK(fd >= 0);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    FAILS(write(fd, "x", 1), EBADF);
    FAILS(pwrite(fd, "x", 1, 0), EBADF);
    FAILS(open(link, O_RDWR), EROFS);
    FAILS(open(link, O_WRONLY), EROFS);
    /* truncating an image would be for all who share it */
    CHECK(open(link, O_WRONLY | O_TRUNC) < 0);
    CHECK(open(link, O_RDWR | O_TRUNC) < 0);
    CHECK(ftruncate(fd, 10) < 0);
    CHECK(pread(fd, &byte, 1, SMALL - 1) == 1 && (unsigned char)byte == byte_at(SMALL - 1));
    CHECK(close(fd) == 0);
}

static void check_file(const char *path, const char *contents)
{
    char text[100];
    int fd = open(path, O_RDONLY);
    ssize_t got = read(fd, text, sizeof(text));

    CHECK(fd >= 0 && got == (ssize_t)strlen(contents) && memcmp(text, contents, (size_t)got) == 0);
    CHECK(close(fd) == 0);
}

/* Other links to the proxy file must change with it, so each case has a copy of its own. */
static void copy_victim(const char *to)
{
    char bytes[5000];
    int in = (int)raw_call(SYS_openat, AT_FDCWD, (long)tmp("victim"), O_RDONLY, 0, 0, 0);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    long got = raw_call(SYS_read, in, (long)bytes, sizeof(bytes), 0, 0, 0);

    CHECK(in >= 0 && out >= 0 && got == 4093);
    CHECK(write(out, bytes, (size_t)got) == got && close(out) == 0);
    raw_call(SYS_close, in, 0, 0, 0, 0, 0);
}

/* By its name it may be emptied, as by O_TRUNC; a part of a proxy file is nothing. */
static void cut(void)
{
    const char *path = tmp("cut");
    struct stat st;

    copy_victim(path);
    FAILS(truncate(path, 100), EROFS);
    FAILS(truncate(path, 2 * SMALL), EROFS);
    FAILS(syscall(SYS_truncate, path, 100), EROFS);
    CHECK(stat(path, &st) == 0 && st.st_size == SMALL);
    FAILS(truncate(tmp("none"), 100), ENOENT);
    CHECK(truncate(path, 0) == 0);
    check_file(path, "");
    CHECK(truncate(path, 4093) == 0 && truncate(path, 5) == 0); /* no proxy any more */
    CHECK(stat(path, &st) == 0 && st.st_size == 5);
}

static void replaced(void)
{
    const char *path = tmp("replaced");
    FILE *out;
    int fd;

    copy_victim(path);
    fd = open(path, O_RDWR | O_TRUNC);
    CHECK(fd >= 0 && write(fd, "new", 3) == 3 && close(fd) == 0);
    check_file(path, "new");
    copy_victim(path);
    fd = creat(path, 0600);
    CHECK(fd >= 0 && write(fd, "newer", 5) == 5 && close(fd) == 0);
    check_file(path, "newer");
    copy_victim(path);
    out = fopen(path, "w");
    CHECK(out != NULL && fputs("newest", out) >= 0 && fclose(out) == 0);
    check_file(path, "newest");
    copy_victim(path);
    CHECK(rename(path, tmp("renamed")) == 0 && unlink(tmp("renamed")) == 0);
}

int main(void)
{
    hear();
    if (geteuid() == 0) /* others may not write it anyway */
        refused(px("small"));
    refused(tmp("victim"));
    by_descriptor(px("small"));
    cut();
    replaced();
    heard_nothing();
    return 0;
}

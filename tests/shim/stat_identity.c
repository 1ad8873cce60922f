/*
 * stat_identity.c: a descriptor has the identity of its path, and the object's size
 *
 * run: fortify
 */
#include "check.h"

#include <sys/sysmacros.h>

static void same(const struct stat *a, const struct stat *b, const char *what)
{
    if (a->st_dev != b->st_dev || a->st_ino != b->st_ino || a->st_mode != b->st_mode ||
        a->st_uid != b->st_uid || a->st_gid != b->st_gid || a->st_nlink != b->st_nlink ||
        a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec)
        FAIL("%s: another identity", what);
    if (a->st_size != SMALL || b->st_size != SMALL)
        FAIL("%s: size %ld and %ld", what, (long)a->st_size, (long)b->st_size);
    if (a->st_blocks < SMALL / 512 || b->st_blocks != a->st_blocks)
        FAIL("%s: %ld and %ld blocks", what, (long)a->st_blocks, (long)b->st_blocks);
}

static void same_x(const struct stat *a, const struct statx *b, const char *what)
{
    struct stat other = *a;

    other.st_dev = makedev(b->stx_dev_major, b->stx_dev_minor);
    other.st_ino = b->stx_ino;
    other.st_mode = b->stx_mode;
    other.st_uid = b->stx_uid;
    other.st_gid = b->stx_gid;
    other.st_nlink = b->stx_nlink;
    other.st_mtim.tv_sec = b->stx_mtime.tv_sec;
    other.st_mtim.tv_nsec = b->stx_mtime.tv_nsec;
    other.st_size = (off_t)b->stx_size;
    other.st_blocks = (blkcnt_t)b->stx_blocks;
    same(a, &other, what);
}

/* NULL, where the compiler would warn of it */
static const void *none(void)
{
    const void *pointer = NULL;

    __asm__("" : "+r"(pointer));
    return pointer;
}

static void one(const char *path, int fd)
{
    char link[64];
    struct stat by_path, st;
    struct statx x;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    CHECK(stat(path, &by_path) == 0 && fstat(fd, &st) == 0);
    same(&by_path, &st, "fstat");
    CHECK(lstat(path, &st) == 0);
    same(&by_path, &st, "lstat");
    CHECK(fstatat(AT_FDCWD, path, &st, 0) == 0);
    same(&by_path, &st, "fstatat");
    CHECK(fstatat(fd, "", &st, AT_EMPTY_PATH) == 0);
    same(&by_path, &st, "fstatat AT_EMPTY_PATH");
    /* Linux 6.11 and later take no path for an empty one */
    if (raw_call(SYS_newfstatat, 1, 0, (long)&st, AT_EMPTY_PATH, 0, 0) == 0) {
        CHECK(fstatat(fd, (const char *)none(), &st, AT_EMPTY_PATH) == 0);
        same(&by_path, &st, "fstatat without a path");
    }
    CHECK(stat(link, &st) == 0);
    same(&by_path, &st, "stat of /proc/self/fd/N");
    CHECK(statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &x) == 0);
    same_x(&by_path, &x, "statx");
    CHECK(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x) == 0);
    same_x(&by_path, &x, "statx AT_EMPTY_PATH");
    CHECK(statx(AT_FDCWD, link, 0, STATX_BASIC_STATS, &x) == 0);
    same_x(&by_path, &x, "statx of /proc/self/fd/N");
    CHECK(syscall(SYS_statx, AT_FDCWD, path, 0, STATX_BASIC_STATS, &x) == 0);
    same_x(&by_path, &x, "syscall(SYS_statx)");
    CHECK(syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x) == 0);
    same_x(&by_path, &x, "syscall(SYS_statx) AT_EMPTY_PATH");
}

static void through_link(const char *path)
{
    struct stat by_path, st;

    CHECK(symlink(path, tmp("link")) == 0);
    CHECK(stat(path, &by_path) == 0 && stat(tmp("link"), &st) == 0);
    same(&by_path, &st, "stat through a link");
    CHECK(lstat(tmp("link"), &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(st.st_size == (off_t)strlen(path));
}

static void holes(int fd)
{
    CHECK(lseek(fd, 0, SEEK_HOLE) == SMALL);
    CHECK(lseek(fd, 5000, SEEK_DATA) == 5000 && lseek(fd, 0, SEEK_CUR) == 5000);
    CHECK(lseek(fd, SMALL - 1, SEEK_DATA) == SMALL - 1);
    FAILS(lseek(fd, SMALL, SEEK_DATA), ENXIO);
    FAILS(lseek(fd, SMALL, SEEK_HOLE), ENXIO);
    FAILS(lseek(fd, -1, SEEK_HOLE), ENXIO);
    CHECK(lseek(fd, -3, SEEK_END) == SMALL - 3);
}

/* Many proxy files of one object, all open at once. */
static void many_names(void)
{
    enum { MANY = 60 };
    char command[4000], name[40];
    int fds[MANY];

    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "copy.%d", i);
        snprintf(command, sizeof(command), "LD_PRELOAD= cp '%s' '%s'", px("small"), tmp(name));
        CHECK(system(command) == 0);
        fds[i] = open(tmp(name), O_RDONLY);
        CHECK(fds[i] >= 0);
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "copy.%d", i);
        one(tmp(name), fds[i]);
    }
}

int main(void)
{
    int first = open_px("small"), second = open_px("small.other"), copy, high;
    struct stat a, b;

    one(px("small"), first);
    one(px("small.other"), second);
    CHECK(fstat(first, &a) == 0 && fstat(second, &b) == 0 && a.st_ino != b.st_ino);
    /* a descriptor made from another keeps the name that it was opened by */
    copy = dup(second);
    high = fcntl(second, F_DUPFD, 300);
    CHECK(high >= 300 && dup2(first, 200) == 200);
    one(px("small.other"), copy);
    one(px("small.other"), high);
    one(px("small"), 200);
    CHECK(close(second) == 0);
    one(px("small.other"), copy);
    through_link(px("small"));
    holes(first);
    many_names();
    return 0;
}

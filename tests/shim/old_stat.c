/* old_stat.c: a program that was built before glibc 2.33 calls __xstat and its kin */
#include "check.h"

/* libc has them for such programs only: bound by their versions, and found in libps first */
#if defined(__x86_64__)
#define VERSION    "GLIBC_2.2.5"
#define AT_VERSION "GLIBC_2.4"
enum { STAT_VERSION = 1 };
#else
#define VERSION    "GLIBC_2.17"
#define AT_VERSION "GLIBC_2.17"
enum { STAT_VERSION = 0 };
#endif

#define OLD(name, version) __asm__(".symver " #name ", " #name "@" version)
OLD(__xstat, VERSION);
OLD(__lxstat, VERSION);
OLD(__fxstat, VERSION);
OLD(__xstat64, VERSION);
OLD(__lxstat64, VERSION);
OLD(__fxstat64, VERSION);
OLD(__fxstatat, AT_VERSION);
OLD(__fxstatat64, AT_VERSION);
extern int __xstat(int, const char *, struct stat *);
extern int __lxstat(int, const char *, struct stat *);
extern int __fxstat(int, int, struct stat *);
extern int __xstat64(int, const char *, struct stat64 *);
extern int __lxstat64(int, const char *, struct stat64 *);
extern int __fxstat64(int, int, struct stat64 *);
extern int __fxstatat(int, int, const char *, struct stat *, int);
extern int __fxstatat64(int, int, const char *, struct stat64 *, int);

static void same(const void *seen, const struct stat *wanted)
{
    const struct stat *st = seen; /* the kernel's on both machines, also as stat64 */

    CHECK(st->st_size == wanted->st_size && st->st_ino == wanted->st_ino &&
          st->st_dev == wanted->st_dev && st->st_blocks == wanted->st_blocks);
}

int main(void)
{
    const char *path = px("small");
    struct stat wanted, st;
    struct stat64 st64;
    int fd = open_px("small"), dir = open(getenv("PX"), O_RDONLY | O_DIRECTORY);

    CHECK(stat(path, &wanted) == 0 && wanted.st_size == SMALL);
    CHECK(__xstat(STAT_VERSION, path, &st) == 0);
    same(&st, &wanted);
    CHECK(__lxstat(STAT_VERSION, path, &st) == 0);
    same(&st, &wanted);
    CHECK(__fxstat(STAT_VERSION, fd, &st) == 0);
    same(&st, &wanted);
    CHECK(__fxstatat(STAT_VERSION, dir, "small", &st, 0) == 0);
    same(&st, &wanted);
    CHECK(__xstat64(STAT_VERSION, path, &st64) == 0);
    same(&st64, &wanted);
    CHECK(__lxstat64(STAT_VERSION, path, &st64) == 0);
    same(&st64, &wanted);
    CHECK(__fxstat64(STAT_VERSION, fd, &st64) == 0);
    same(&st64, &wanted);
    CHECK(__fxstatat64(STAT_VERSION, dir, "small", &st64, 0) == 0);
    same(&st64, &wanted);
    FAILS(__xstat(STAT_VERSION, "/none", &st), ENOENT);
    return 0;
}

/* attributes.c: extended attributes and the file system, by descriptor, are those of the proxy file
 */
#include "check.h"

#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

/* In a folder of its own: $TMP may be on another file system than the proxies */
static const char *copy_of(const char *proxy, const char *name)
{
    char text[4093];
    const char *path = tmp(name);
    int from = (int)raw_call(SYS_openat, AT_FDCWD, (long)px(proxy), O_RDONLY, 0, 0, 0);
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    CHECK(raw_call(SYS_read, from, (long)text, sizeof(text), 0, 0, 0) == sizeof(text));
    CHECK(write(to, text, sizeof(text)) == sizeof(text) && close(to) == 0 && close(from) == 0);
    return path;
}

static void attributes(const char *proxy)
{
    const char *path = copy_of(proxy, "own"), *other;
    char list[100], value[20];
    int fd;

    if (setxattr(path, "user.mark", "seven", 5, 0) != 0) {
        CHECK(errno == EOPNOTSUPP);
        return;
    }
    fd = open(path, O_RDONLY);
    CHECK(fgetxattr(fd, "user.mark", value, sizeof(value)) == 5 && memcmp(value, "seven", 5) == 0);
    CHECK(fgetxattr(fd, "user.mark", NULL, 0) == 5);
    FAILS(fgetxattr(fd, "user.mark", value, 1), ERANGE);
    FAILS(fgetxattr(fd, "user.none", value, sizeof(value)), ENODATA);
    CHECK(flistxattr(fd, list, sizeof(list)) >= 10 &&
          memmem(list, sizeof(list), "user.mark", 10) != NULL);
    CHECK(syscall(SYS_fgetxattr, fd, "user.mark", value, sizeof(value)) == 5);
    /* another file has that name by now: the object has no attributes then, and not that one's */
    other = copy_of(proxy, "other");
    CHECK(setxattr(other, "user.mark", "8", 1, 0) == 0 && rename(other, path) == 0);
    CHECK(fgetxattr(fd, "user.mark", value, sizeof(value)) == -1);
}

static void file_system(const char *proxy)
{
    const char *path = px(proxy);
    struct statfs wanted, seen;
    struct statvfs vfs;
    int fd = open(path, O_RDONLY), copy;

    CHECK(statfs(path, &wanted) == 0 && fstatfs(fd, &seen) == 0);
    CHECK(seen.f_type == wanted.f_type && seen.f_blocks == wanted.f_blocks);
    CHECK(memcmp(&seen.f_fsid, &wanted.f_fsid, sizeof(seen.f_fsid)) == 0);
    CHECK(fstatvfs(fd, &vfs) == 0 && vfs.f_blocks == wanted.f_blocks);
    copy = dup(fd);
    CHECK(syscall(SYS_fstatfs, copy, &seen) == 0 && seen.f_type == wanted.f_type);
    /* what is none */
    CHECK(fstatfs(0, &seen) == 0 && fstatvfs(0, &vfs) == 0);
    FAILS(fstatfs(9999, &seen), EBADF);
    FAILS(fgetxattr(9999, "user.mark", NULL, 0), EBADF);
}

int main(void)
{
    attributes("small");
    attributes("direct");
    file_system("small");
    file_system("direct");
    return 0;
}

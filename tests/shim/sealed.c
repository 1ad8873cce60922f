/*
 * sealed.c: a program's own sealed memfd where /proc is missing, which images look like there
 *
 * run: root
 */
#include "check.h"

int main(void)
{
    char root[1200], byte = 0, *const none[] = {(char *)"LD_PRELOAD=", NULL};
    int fd;

    snprintf(root, sizeof(root), "%s", tmp("root"));
    CHECK(mkdir(root, 0755) == 0 && chroot(root) == 0 && chdir("/") == 0);
    fd = memfd_create("mine", MFD_ALLOW_SEALING);
    CHECK(fd >= 0 && write(fd, "abc", 3) == 3);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
    CHECK(pread(fd, &byte, 1, 1) == 1 && byte == 'b');
    CHECK(lseek(fd, 0, SEEK_END) == 3);
    FAILS(execve("/nothing", none, environ), ENOENT);
    return 0;
}

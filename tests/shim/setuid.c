/*
 * setuid.c: in a program with privileges of its own libps does nothing
 *
 * Linked, not preloaded: the kernel takes LD_PRELOAD away from it.
 *
 * run: tool link
 */
#include "check.h"

#include <sys/auxv.h>

#include <ps/ps.h>

int main(int argc, char **argv)
{
    struct ps_error err = {0};
    char magic[4];
    int fd;

    CHECK(argc == 2 && getauxval(AT_SECURE) != 0);
    CHECK(ps_lazy_map(argv[1], NULL, NULL, &err) == NULL && err.code == PS_E_REFUSED);
    fd = open(argv[1], O_RDONLY);
    CHECK(fd >= 0 && read(fd, magic, 4) == 4 && memcmp(magic, "%PSX", 4) == 0);
    return 0;
}

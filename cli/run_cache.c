/*
 * run_cache.c: what a program and those that it starts fetch, they fetch once
 *
 * By a nameless file in memory: nothing is left of it when the last of them has
 * ended, however that was. They inherit a descriptor that only says where it is
 * (O_PATH): who can't open it by its user's rights can't write to it either.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ps/backend.h>

#include "psctl.h"

/* Out of the programs' way, and below 256: each fork copies the table up to the highest. */
enum { LOWEST = 230 };

/* file_in_memory: a descriptor that is inherited; negative: there can't be one here */
static int file_in_memory(void)
{
    int file = memfd_create(PS_TREE_CACHE, MFD_CLOEXEC), path = -1, fd = -1;
    char link[64];

    snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
    if (file >= 0 && fchmod(file, 0600) == 0)
        path = raw_open(link, O_PATH, 0);
    if (path >= 0)
        fd = fcntl(path, F_DUPFD, LOWEST);
    if (path >= 0)
        close(path);
    if (file >= 0)
        close(file);
    return fd;
}

void share_cache(void)
{
    char value[64];
    int fd;

    if (getenv("PS_CACHE") != NULL || (fd = file_in_memory()) < 0)
        return;
    snprintf(value, sizeof(value), "/proc/%ld/fd/%d", (long)getpid(), fd);
    setenv("PS_CACHE", value, 1);
}

/* spool.c: standard input as a file, for stores that want to know the size, and pull in any order
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "psctl.h"

/* open_nameless: a file that is gone when psctl is, however that ends */
static int open_nameless(const char *folder)
{
    char path[4096];
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    if (snprintf(path, sizeof(path), "%s/.psctl-XXXXXX", folder) >= (int)sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

int spool_input(char *path, size_t size)
{
    static char step[1 << 18], name[4200];
    const char *folder = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    int fd = open_nameless(folder);
    ssize_t got;

    if (fd < 0)
        return fail("no file for standard input in %s: %s", folder, strerror(errno));
    snprintf(name, sizeof(name), "standard input in %s", folder);
    while ((got = read(STDIN_FILENO, step, sizeof(step))) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail("standard input: %s", strerror(errno));
        if (write_all(fd, step, (size_t)got, name) != STATUS_OK)
            return STATUS_FAILED;
    }
    snprintf(path, size, "/proc/self/fd/%d", fd);
    return STATUS_OK;
}

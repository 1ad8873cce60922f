/* run_proxy.c: a program that is a proxy: which kind it is, and how to run it, tells only a copy */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "psctl.h"

#ifndef MFD_EXEC /* Linux 6.3: what a memfd is without it is for the administrator to say */
#define MFD_EXEC 0x10U
#endif

enum { PART = 1 << 30 };

static int copied = -1; /* psctl runs one program */

static int not_copied(const char *path)
{
    fail("can't run %s: %s", path, strerror(errno));
    return STATUS_CANNOT_RUN;
}

/* Apart: here the calls are libps's, which fetches, and has threads for it. */
static int fill(const void *path)
{
    int source = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = source < 0 ? -1 : 1;

    while (got > 0)
        got = sendfile(copied, source, NULL, PART);
    return got < 0 ? not_copied(path) : STATUS_OK;
}

static int new_file(const char *path)
{
    const char *slash = strrchr(path, '/');
    int fd = memfd_create(slash != NULL ? slash + 1 : path, MFD_CLOEXEC | MFD_EXEC);

    /* an older kernel, or the name is too long */
    return fd < 0 && errno == EINVAL ? memfd_create("program", MFD_CLOEXEC) : fd;
}

int copy_program(const char *path, char *copy, size_t size)
{
    char magic[2];
    int status;

    copied = new_file(path);
    if (copied < 0)
        return not_copied(path);
    snprintf(copy, size, "/proc/self/fd/%d", copied);
    status = run_apart(fill, path);
    /* the interpreter of a script opens it */
    if (raw_pread(copied, magic, 2, 0) == 2 && memcmp(magic, "#!", 2) == 0)
        fcntl(copied, F_SETFD, 0);
    return status;
}

void exec_program(const char *path, char **argv)
{
    if (copied < 0)
        execv(path, argv);
    else
        errno = -(int)raw_call(SYS_execveat, copied, (long)"", (long)argv, (long)environ,
                               AT_EMPTY_PATH, 0);
}

/* supervise_files.c: what psctl was given open belongs to the program */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "psctl.h"
#include "supervise_process.h"

/* Those of psctl itself are closed by exec, and so they are told apart. */
void find_given(struct start *start)
{
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        int fd = atoi(entry->d_name), flags = fcntl(fd, F_GETFD);

        if (fd > 2 && flags >= 0 && !(flags & FD_CLOEXEC) && start->given_count < GIVEN_MAX)
            start->given[start->given_count++] = fd;
    }
    if (folder != NULL)
        closedir(folder);
}

void leave_given(const struct start *start)
{
    int fd = raw_open("/dev/null", O_RDWR, 0);

    if (fd >= 0) {
        dup2(fd, 0);
        dup2(fd, 1);
        close(fd);
    }
    for (int i = 0; i < start->given_count; i++)
        close(start->given[i]);
}

enum { GIVEN = 10 }; /* what shells redirect */

/* Is the descriptor a proxy file that nobody has read from, or can write to? */
static bool is_given_proxy(int fd, const char *path)
{
    long flags = raw_call(SYS_fcntl, fd, F_GETFL, 0, 0, 0, 0);

    return flags >= 0 && (flags & (O_ACCMODE | O_PATH)) == O_RDONLY &&
           raw_call(SYS_lseek, fd, 0, SEEK_CUR, 0, 0, 0) == 0 && is_proxy_file(path);
}

int resolve_given(const struct start *start)
{
    char path[64];
    int image, result = 0;

    for (int fd = 0; fd < GIVEN && result == 0; fd++) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (!is_given_proxy(fd, path))
            continue;
        image = open(path, O_RDONLY | O_CLOEXEC);
        if (image < 0 || ps_fd_resolve(image, NULL) < 0 || dup2(image, fd) < 0)
            result =
                fail("can't run %s: the object of its descriptor %d can't be had", start->path, fd);
        if (image >= 0)
            close(image);
    }
    return result;
}

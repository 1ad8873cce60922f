/* executable.c: see executable.h */
#include "executable.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"
#include "hook.h"
#include "preload.h"
#include "program.h"
#include "view.h"

#ifndef MFD_EXEC /* Linux 6.3: what a memfd is without it is for the administrator to say */
#define MFD_EXEC 0x10U
#endif

enum { PART = 1 << 30, NAME = 249 };

/* The kernel's own of a signal */
struct action {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

static int new_file(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    int fd;

    /* ps shows the name; of a longer one than the kernel takes, none */
    if (strlen(name) > NAME)
        name = "program";
    fd = sys_memfd_create(name, MFD_CLOEXEC | MFD_EXEC);
    return fd == -EINVAL ? sys_memfd_create(name, MFD_CLOEXEC) : fd;
}

static bool is_text_of_proxy(int fd)
{
    char magic[PS_PROXY_MAGIC_SIZE];

    return sys_pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
           memcmp(magic, PS_PROXY_MAGIC, sizeof(magic)) == 0;
}

/* By the hooks, which fetch. 0 or a negative errno; -ENOEXEC: libps opens no objects here */
static int fill(int fd, int dir, const char *path)
{
    int source = openat(dir, path, O_RDONLY | O_CLOEXEC);
    ssize_t got = source < 0 ? -1 : 1;

    /* by the file itself: what a vforked child opened is not always remembered */
    if (source >= 0 && is_text_of_proxy(source))
        got = (ssize_t)ps_result(-ENOEXEC);
    while (got > 0)
        got = sendfile(fd, source, NULL, PART);
    got = got < 0 ? -errno : 0;
    if (source >= 0) {
        ps_view_forget(source);
        sys_close(source);
    }
    return (int)got;
}

/*
 * Of the end of a child, where only libps knows of it, the program must not hear. Its handler would
 * run in its parent's memory, and with SIG_IGN there would be no status to wait for. The action, of
 * this process alone, also drops the signal if it is blocked.
 */
static void be_deaf(struct action *old)
{
    static const struct action none; /* SIG_DFL */

    sys_call6(SYS_rt_sigaction, SIGCHLD, (long)&none, (long)old, sizeof(none.mask), 0, 0);
}

static void hear_again(const struct action *old)
{
    be_deaf(NULL);
    sys_call6(SYS_rt_sigaction, SIGCHLD, (long)old, 0, sizeof(old->mask), 0, 0);
}

/*
 * By a child with memory of its own, in which it can have threads to fetch with:
 * shells and Python's subprocess run programs in vforked children, which may be
 * the first of their process to open a proxy. It is libc that forks, as another
 * thread may be in the middle of malloc just now.
 */
static int fill_in_child(int fd, int dir, const char *path)
{
    struct action old;
    int status;
    long child, got;

    be_deaf(&old);
    child = fork();
    if (child == 0) {
        hear_again(&old);
        sys_call3(SYS_exit_group, -fill(fd, dir, path), 0, 0);
    }
    got = child < 0 ? -errno : -EINTR;
    while (got == -EINTR)
        got = sys_call6(SYS_wait4, child, (long)&status, __WALL, 0, 0, 0);
    hear_again(&old);
    return got < 0 ? (int)got : WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

/* A vforked child can use its parent's worker, and start none. */
static int fill_from_anywhere(int fd, int dir, const char *path)
{
    int result;

    if (ps_fork_at_home())
        return fill(fd, dir, path);
    if (!ps_preload_hold())
        return fill_in_child(fd, dir, path);
    result = fill(fd, dir, path);
    ps_preload_unhold();
    return result;
}

static bool is_script(int fd)
{
    char magic[2];

    return sys_pread(fd, magic, 2, 0) == 2 && memcmp(magic, "#!", 2) == 0;
}

/* What can't be read is no proxy to this process: the kernel is to run it, or to say why not. */
static bool is_proxy(int dir, const char *path, const struct stat *st)
{
    struct ps_look look;
    bool is;

    if (st->st_size != PS_PROXY_FILE_SIZE ||
        ps_look_begin(&look, dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) < 0)
        return false;
    is = is_text_of_proxy(look.fd);
    ps_look_end(&look);
    return is;
}

/* Of a file that may be run */
static int copy(int dir, const char *path, const struct stat *st)
{
    int fd, result;

    if (!is_proxy(dir, path, st))
        return -ENOEXEC;
    fd = new_file(path);
    if (fd < 0)
        return fd;
    result = fill_from_anywhere(fd, dir, path);
    if (result == 0 && is_script(fd))
        result = sys_fcntl(fd, F_SETFD, 0);
    if (result < 0)
        sys_close(fd);
    return result < 0 ? result : fd;
}

int ps_executable(int dir, const char *path)
{
    struct stat st;

    return ps_program_file(dir, path, &st) == 0 ? copy(dir, path, &st) : -ENOEXEC;
}

static const char *search_path(void)
{
    for (char **variable = environ; variable != NULL && *variable != NULL; variable++)
        if (strncmp(*variable, "PATH=", 5) == 0)
            return *variable + 5;
    return "/bin:/usr/bin"; /* libc's own */
}

int ps_executable_search(const char *name, bool moves)
{
    const char *folder = search_path();
    char path[PATH_MAX];
    struct stat st;

    if (strchr(name, '/') != NULL)
        return ps_executable(AT_FDCWD, name);
    for (;; folder++) {
        size_t length = strcspn(folder, ":");

        if (moves && folder[0] != '/')
            return -ENOEXEC;
        if (length + strlen(name) + 2 <= sizeof(path)) {
            memcpy(path, folder, length);
            path[length] = '/';
            /* an empty part is this folder */
            memcpy(path + length + (length > 0), name, strlen(name) + 1);
            if (ps_program_file(AT_FDCWD, path, &st) == 0)
                return copy(AT_FDCWD, path, &st);
        }
        folder += length;
        if (*folder == '\0')
            return -ENOEXEC;
    }
}

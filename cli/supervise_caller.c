/* supervise_caller.c: descriptors, memory and paths of a process that waits in a call */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "psctl.h"
#include "supervise.h"

#ifndef PIDFD_THREAD /* Linux 6.9 */
#define PIDFD_THREAD O_EXCL
#endif
enum { PIDFD_GETFD = 438 };

void raw_close(int fd)
{
    raw_call(SYS_close, fd, 0, 0, 0, 0, 0);
}

/* --- descriptors --------------------------------------------------------------------- */

enum { KEPT = 16 };

/*
 * By thread. A pidfd is of that very thread, also when its number is another's
 * later; older kernels have them of processes only, and what is found for
 * another thread of one is not believed twice.
 */
struct kept {
    pid_t thread;
    int process;
    bool is_exact;
};
static _Thread_local struct kept kept[KEPT];

static long open_pidfd(pid_t pid, unsigned flags)
{
    return raw_call(SYS_pidfd_open, pid, flags, 0, 0, 0, 0);
}

static pid_t process_of(pid_t thread)
{
    char path[64], line[128];
    long process = -1;
    FILE *status;

    snprintf(path, sizeof(path), "/proc/%d/status", thread);
    status = fopen(path, "re");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL)
        if (sscanf(line, "Tgid: %ld", &process) == 1)
            break;
    if (status != NULL)
        fclose(status);
    return (pid_t)process;
}

static int find_process(struct kept *slot, pid_t thread)
{
    long process = open_pidfd(thread, PIDFD_THREAD);

    slot->is_exact = true;
    if (process == -EINVAL)
        process = open_pidfd(thread, 0);
    if (process == -EINVAL || process == -ENOENT) {
        slot->is_exact = false;
        process = open_pidfd(process_of(thread), 0);
    }
    slot->thread = process < 0 ? 0 : thread;
    slot->process = (int)process;
    return slot->process;
}

static void drop(struct kept *slot)
{
    if (slot->thread != 0)
        raw_close(slot->process);
    slot->thread = 0;
}

static int process_by(pid_t thread)
{
    struct kept *slot = &kept[(unsigned)thread % KEPT];

    if (slot->thread == thread && slot->is_exact)
        return slot->process;
    drop(slot);
    return find_process(slot, thread);
}

int caller_fd(const struct call *call, int fd)
{
    long own = -ESRCH;

    /* twice: what is kept may be of a thread that had this number before */
    for (int i = 0; i < 2 && own == -ESRCH; i++) {
        int process = process_by(call->thread);

        if (process < 0)
            return process;
        own = raw_call(PIDFD_GETFD, process, fd, 0, 0, 0, 0);
        if (own == -ESRCH)
            drop(&kept[(unsigned)call->thread % KEPT]);
    }
    return (int)own;
}

void caller_refused(const struct call *call, long result)
{
    if (result == -EPERM || result == -EACCES || result == -EMFILE || result == -ENFILE)
        answer(call, -EIO);
    else
        go_on(call);
}

/* --- memory ---------------------------------------------------------------------------- */

int caller_read(const struct call *call, void *to, uint64_t from, size_t size)
{
    struct iovec here = {to, size}, there = {(void *)(uintptr_t)from, size};
    long got = raw_call(SYS_process_vm_readv, call->thread, (long)&here, 1, (long)&there, 1, 0);

    if (got < 0)
        return (int)got;
    return (size_t)got == size ? 0 : -EFAULT;
}

int caller_text(const struct call *call, char *text, uint64_t from)
{
    enum { STEP = 256 }; /* divides a page: a step is there as a whole or not at all */
    size_t done = 0;

    while (done < PATH_MAX) {
        size_t step = STEP - (size_t)((from + done) % STEP);
        int result;

        if (step > PATH_MAX - done)
            step = PATH_MAX - done;
        result = caller_read(call, text + done, from + done, step);
        if (result < 0)
            return result;
        if (memchr(text + done, '\0', step) != NULL)
            return 0;
        done += step;
    }
    return -ENAMETOOLONG;
}

ssize_t caller_write(const struct call *call, uint64_t to, const void *from, size_t size)
{
    struct iovec here = {(void *)(uintptr_t)from, size}, there = {(void *)(uintptr_t)to, size};
    uint64_t id = call->id;

    /* its number may be another's by now */
    if (ioctl(call->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) < 0)
        return -ESRCH;
    return raw_call(SYS_process_vm_writev, call->thread, (long)&here, 1, (long)&there, 1, 0);
}

bool caller_is_us(const struct call *call)
{
    char path[64], line[128];
    unsigned real, effective, saved, files = UINT_MAX;
    FILE *status;

    snprintf(path, sizeof(path), "/proc/%d/status", call->thread);
    status = fopen(path, "re");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL)
        if (sscanf(line, "Uid: %u %u %u %u", &real, &effective, &saved, &files) == 4)
            break;
    if (status != NULL)
        fclose(status);
    return files == geteuid();
}

/* --- paths ----------------------------------------------------------------------------- */

static atomic_bool roots_differ;

void caller_moved(void)
{
    atomic_store(&roots_differ, true);
}

static int open_base(const struct call *call, const char *what)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", call->thread, what);
    return (int)raw_call(SYS_openat, AT_FDCWD, (long)path, O_PATH | O_CLOEXEC | O_DIRECTORY, 0, 0,
                         0);
}

/* Paths that lead to what some process has open: the same for us. False: it is none. */
static bool is_link(const struct call *call, const char *path, char *other, size_t size)
{
    static const struct own {
        const char *begin, *becomes;
    } own[] = {
        {"/proc/self/", ""},    {"/proc/thread-self/", ""}, {"/dev/fd/", "fd/"},
        {"/dev/stdin", "fd/0"}, {"/dev/stdout", "fd/1"},    {"/dev/stderr", "fd/2"},
    };

    if (strstr(path, "/..") != NULL)
        return false;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        size_t length = strlen(own[i].begin);

        if (strncmp(path, own[i].begin, length) == 0) {
            snprintf(other, size, "/proc/%d/%s%s", call->thread, own[i].becomes, path + length);
            return true;
        }
    }
    if (strncmp(path, "/proc/", 6) != 0 || path[6] < '0' || path[6] > '9')
        return false;
    snprintf(other, size, "%s", path);
    return true;
}

int caller_path(const struct call *call, int dir, const char *path, bool follows, uint64_t resolve)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | (follows ? 0 : O_NOFOLLOW),
                           .resolve = resolve | RESOLVE_NO_MAGICLINKS};
    bool moved = atomic_load(&roots_differ);
    char own[PATH_MAX + 64];
    int base, result;

    if (!moved && is_link(call, path, own, sizeof(own)))
        return (int)raw_call(SYS_openat, AT_FDCWD, (long)own, (long)how.flags, 0, 0, 0);
    if (path[0] != '/' || (resolve & RESOLVE_IN_ROOT))
        base = dir == AT_FDCWD ? open_base(call, "cwd") : caller_fd(call, dir);
    else
        base = moved ? open_base(call, "root") : AT_FDCWD;
    if (base < 0 && base != AT_FDCWD)
        return base;
    if (moved && path[0] == '/')
        how.resolve |= RESOLVE_IN_ROOT;
    result = (int)raw_call(SYS_openat2, base, (long)path, (long)&how, sizeof(how), 0, 0);
    if (base >= 0)
        raw_close(base);
    return result == -ELOOP && !(resolve & RESOLVE_NO_MAGICLINKS) ? -EXDEV : result;
}

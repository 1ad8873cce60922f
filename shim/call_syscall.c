/*
 * call_syscall.c: syscall(2), the way around all other hooks
 *
 * node asks for statx with it, others for open or read. Numbers that have a
 * hook go to it; all others go to libc with their six arguments.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/sys.h"
#include "filter.h"
#include "hook.h"
#include "peek.h"
#include "preload.h"
#include "process.h"
#include "queue.h"
#include "real.h"
#include "view.h"

struct arguments {
    long number, a[6];
};

static long forward(void *argument)
{
    const struct arguments *call = argument;

    return REAL(syscall)(call->number, call->a[0], call->a[1], call->a[2], call->a[3], call->a[4],
                         call->a[5]);
}

/* The hooks, by their libc names: inside libps those are the hooks. First, what moves bytes. */
static long hooked_bytes(struct arguments *call, bool *done)
{
    long *a = call->a;

    *done = true;
    switch (call->number) {
    case SYS_read:
        return read((int)a[0], (void *)a[1], (size_t)a[2]);
    case SYS_pread64:
        return pread64((int)a[0], (void *)a[1], (size_t)a[2], a[3]);
    case SYS_readv:
        return readv((int)a[0], (void *)a[1], (int)a[2]);
    case SYS_preadv:
        return preadv64((int)a[0], (void *)a[1], (int)a[2], a[3]);
    case SYS_preadv2:
        return preadv64v2((int)a[0], (void *)a[1], (int)a[2], a[3], (int)a[5]);
    case SYS_write:
        return write((int)a[0], (void *)a[1], (size_t)a[2]);
    case SYS_sendto:
        return sendto((int)a[0], (void *)a[1], (size_t)a[2], (int)a[3], (void *)a[4],
                      (socklen_t)a[5]);
    case SYS_sendmsg:
        return sendmsg((int)a[0], (void *)a[1], (int)a[2]);
    case SYS_sendmmsg:
        return sendmmsg((int)a[0], (void *)a[1], (unsigned)a[2], (int)a[3]);
    case SYS_recvfrom:
        return recvfrom((int)a[0], (void *)a[1], (size_t)a[2], (int)a[3], (void *)a[4],
                        (void *)a[5]);
    case SYS_recvmsg:
        return recvmsg((int)a[0], (void *)a[1], (int)a[2]);
    case SYS_recvmmsg:
        return recvmmsg((int)a[0], (void *)a[1], (unsigned)a[2], (int)a[3], (void *)a[4]);
    case SYS_sendfile:
        return sendfile((int)a[0], (int)a[1], (void *)a[2], (size_t)a[3]);
    case SYS_copy_file_range:
        return copy_file_range((int)a[0], (void *)a[1], (int)a[2], (void *)a[3], (size_t)a[4],
                               (unsigned)a[5]);
    case SYS_splice:
        return splice((int)a[0], (void *)a[1], (int)a[2], (void *)a[3], (size_t)a[4],
                      (unsigned)a[5]);
    default:
        *done = false;
        return 0;
    }
}

static long hooked_files(struct arguments *call, bool *done)
{
    long *a = call->a;

    *done = true;
    switch (call->number) {
    case SYS_openat:
        return openat((int)a[0], (const char *)a[1], (int)a[2], (mode_t)a[3]);
    case SYS_statx:
        return statx((int)a[0], (const char *)a[1], (int)a[2], (unsigned)a[3], (void *)a[4]);
    case SYS_newfstatat:
        return fstatat((int)a[0], (const char *)a[1], (void *)a[2], (int)a[3]);
    case SYS_fstat:
        return fstat((int)a[0], (void *)a[1]);
    case SYS_flock:
        return flock((int)a[0], (int)a[1]);
    case SYS_fgetxattr:
        return fgetxattr((int)a[0], (const char *)a[1], (void *)a[2], (size_t)a[3]);
    case SYS_flistxattr:
        return flistxattr((int)a[0], (char *)a[1], (size_t)a[2]);
    case SYS_fstatfs:
        return fstatfs((int)a[0], (void *)a[1]);
    case SYS_lseek:
        return lseek((int)a[0], a[1], (int)a[2]);
    case SYS_close:
        return close((int)a[0]);
    case SYS_dup:
        return dup((int)a[0]);
    case SYS_dup3:
        return dup3((int)a[0], (int)a[1], (int)a[2]);
    case SYS_fcntl:
        return fcntl((int)a[0], (int)a[1], a[2]);
    case SYS_fadvise64: /* libc's gives the error itself */
        return ps_result(-posix_fadvise((int)a[0], a[1], a[2], (int)a[3]));
    case SYS_truncate:
        return truncate((const char *)a[0], a[1]);
    case SYS_readahead:
        return readahead((int)a[0], a[1], (size_t)a[2]);
    default:
        *done = false;
        return 0;
    }
}

static long hooked_memory(struct arguments *call, bool *done)
{
    long *a = call->a;

    *done = true;
    switch (call->number) {
    case SYS_mmap:
        return (long)mmap((void *)a[0], (size_t)a[1], (int)a[2], (int)a[3], (int)a[4], a[5]);
    case SYS_munmap:
        return munmap((void *)a[0], (size_t)a[1]);
    case SYS_mremap:
        return (long)mremap((void *)a[0], (size_t)a[1], (size_t)a[2], (int)a[3], (void *)a[4]);
    case SYS_mprotect:
        return mprotect((void *)a[0], (size_t)a[1], (int)a[2]);
    case SYS_pkey_mprotect:
        return pkey_mprotect((void *)a[0], (size_t)a[1], (int)a[2], (int)a[3]);
    case SYS_mlock:
        return mlock((void *)a[0], (size_t)a[1]);
    case SYS_mlock2:
        return mlock2((void *)a[0], (size_t)a[1], (unsigned)a[2]);
    case SYS_madvise:
        return madvise((void *)a[0], (size_t)a[1], (int)a[2]);
    default:
        *done = false;
        return 0;
    }
}

/* Numbers that only older machines have. */
static long hooked_old(struct arguments *call, bool *done)
{
#if defined(__x86_64__)
    long *a = call->a;

    *done = true;
    switch (call->number) {
    case SYS_open:
        return open((const char *)a[0], (int)a[1], (mode_t)a[2]);
    case SYS_creat:
        return creat((const char *)a[0], (mode_t)a[1]);
    case SYS_stat:
        return stat((const char *)a[0], (void *)a[1]);
    case SYS_lstat:
        return lstat((const char *)a[0], (void *)a[1]);
    case SYS_dup2:
        return dup2((int)a[0], (int)a[1]);
    case SYS_fork:
        return ps_process_fork(forward, call);
    case SYS_vfork:
        ps_process_lend(CLONE_VM);
        break;
    default:
        break;
    }
#else
    (void)call;
#endif
    *done = false;
    return 0;
}

extern int ps_hook_openat2(int, const char *, const uint64_t *, size_t) __asm__("openat2");
extern int ps_hook_close_range(unsigned, unsigned, int) __asm__("close_range");
extern int ps_hook_execveat(int, const char *, char *const *, char *const *,
                            int) __asm__("execveat");
extern int ps_hook_pidfd_getfd(int, int, unsigned) __asm__("pidfd_getfd");

/* Is it a clone whose child has memory of its own? */
static bool is_fork(const struct arguments *call)
{
    uint64_t flags = CLONE_VM | CLONE_THREAD; /* of what is no clone: nothing of the kind */

    if (call->number == SYS_clone)
        flags = (uint64_t)call->a[0];
    /* struct clone_args begins with the flags; what can't be read is the kernel's to refuse */
    if (call->number == SYS_clone3 && ps_peek(&flags, (void *)call->a[0], sizeof(flags)) < 0)
        return false;
    ps_process_lend(flags);
    return !(flags & CLONE_VM);
}

static long submit(unsigned long context, long count, struct iocb **blocks)
{
    return sys_call3(SYS_io_submit, context, count, blocks);
}

/* A ring that is refused: ENOSYS. */
static long make_ring(struct arguments *call)
{
    long ring = ps_queue_ring(forward, call, ps_queue_flags((void *)call->a[1]), -ENOSYS);

    return ring == -ENOSYS ? ps_result(ring) : ring;
}

static long hooked_new(struct arguments *call, bool *done)
{
    long *a = call->a;

    *done = true;
    if (call->number == SYS_openat2)
        return ps_hook_openat2((int)a[0], (const char *)a[1], (void *)a[2], (size_t)a[3]);
    if (call->number == SYS_close_range)
        return ps_hook_close_range((unsigned)a[0], (unsigned)a[1], (int)a[2]);
    if (is_fork(call))
        return ps_process_fork(forward, call);
    if (call->number == SYS_execve)
        return execve((const char *)a[0], (void *)a[1], (void *)a[2]);
    if (call->number == SYS_execveat)
        return ps_hook_execveat((int)a[0], (const char *)a[1], (void *)a[2], (void *)a[3],
                                (int)a[4]);
    if (call->number == SYS_pidfd_getfd)
        return ps_hook_pidfd_getfd((int)a[0], (int)a[1], (unsigned)a[2]);
    if (call->number == SYS_seccomp || call->number == SYS_prctl)
        return ps_result(ps_filter_call(call->number, a));
    if (call->number == SYS_io_uring_setup)
        return make_ring(call);
    if (call->number == SYS_io_submit)
        return ps_result(ps_queue_submit(submit, (unsigned long)a[0], a[1], (void *)a[2]));
    *done = false;
    return 0;
}

HOOK(long, syscall, (long number, ...))
{
    static long (*const families[])(struct arguments *, bool *) = {
        hooked_bytes, hooked_files, hooked_memory, hooked_old, hooked_new};
    struct arguments call = {.number = number};
    va_list list;
    bool done = false;
    long result = 0;

    va_start(list, number);
    for (int i = 0; i < 6; i++)
        call.a[i] = va_arg(list, long);
    va_end(list);
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]) && !done; i++)
        if (!ps_guard_held())
            result = families[i](&call, &done);
    return done ? result : forward(&call);
}

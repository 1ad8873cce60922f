/* real.c: see real.h */
#include "real.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "base/sys.h"
#include "hook.h"

/* --- stand-ins, for calls that come from inside dlsym ------------------------------ */

/* REAL(openat) is given a mode always. */
static int early_openat(int dir, const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return (int)ps_result(sys_openat(dir, path, flags, mode));
}

static int early_access(const char *path, int mode)
{
    return (int)ps_result(sys_call3(SYS_faccessat, AT_FDCWD, path, mode));
}

static ssize_t early_read(int fd, void *buffer, size_t size)
{
    return ps_result(sys_read(fd, buffer, size));
}

static ssize_t early_write(int fd, const void *buffer, size_t size)
{
    return ps_result(sys_write(fd, buffer, size));
}

static int early_close(int fd)
{
    return (int)ps_result(sys_close(fd));
}

static ssize_t early_pread64(int fd, void *buffer, size_t size, off_t offset)
{
    return ps_result(sys_pread(fd, buffer, size, (uint64_t)offset));
}

static ssize_t early_readv(int fd, const struct iovec *vector, int count)
{
    return ps_result(sys_call3(SYS_readv, fd, vector, count));
}

static ssize_t early_writev(int fd, const struct iovec *vector, int count)
{
    return ps_result(sys_call3(SYS_writev, fd, vector, count));
}

static int early_sigprocmask(int how, const void *set, void *old)
{
    return (int)ps_result(sys_sigmask(how, set, old));
}

static int early_pthread_sigmask(int how, const void *set, void *old)
{
    return -sys_sigmask(how, set, old);
}

/* REAL(syscall) is given six arguments always. */
static long early_syscall(long number, ...)
{
    va_list arguments;
    long a[6];

    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    return ps_result(sys_call6(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}

static void early_testcancel(void)
{
}

/* what a memory allocator may call, or what it calls; others get none of libc's functions there */
struct real ps_real = {
    .openat = early_openat,
    .access = early_access,
    .read = early_read,
    .write = early_write,
    .close = early_close,
    .pread64 = early_pread64,
    .readv = early_readv,
    .writev = early_writev,
    .sigprocmask = early_sigprocmask,
    .pthread_sigmask = early_pthread_sigmask,
    .syscall = early_syscall,
    .pthread_testcancel = early_testcancel,
};
_Atomic bool ps_real_found;

/* --- the search ------------------------------------------------------------------------ */

/* Names, and no pointers to them: nothing of it is to be relocated in each process. */
static const struct entry {
    char name[20];
    char version[12]; /* the first that is wanted, where there was one before it */
    uint16_t offset;
} entries[] = {
#define ENTRY_OF(name, version)                                                                    \
    {                                                                                              \
#name, version, offsetof(struct real, name)                                                \
    }
#define ENTRY(name) ENTRY_OF(name, "")
    ENTRY(openat),
    ENTRY(faccessat),
    ENTRY(access),
    ENTRY(euidaccess),
    ENTRY(read),
    ENTRY(pread64),
    ENTRY(readv),
    ENTRY(preadv64),
    ENTRY(preadv64v2),
    ENTRY(write),
    ENTRY(pwrite64),
    ENTRY(writev),
    ENTRY(pwritev64),
    ENTRY(pwritev64v2),
    ENTRY(send),
    ENTRY(sendto),
    ENTRY(sendmsg),
    ENTRY(recv),
    ENTRY(recvfrom),
    ENTRY(recvmsg),
    ENTRY(recvmmsg),
    ENTRY(sendmmsg),
    ENTRY(vmsplice),
    ENTRY(__recv_chk),
    ENTRY(__recvfrom_chk),
    ENTRY(close),
    ENTRY(fcntl64),
    ENTRY(aio_read64),
    ENTRY(aio_write64),
    ENTRY_OF(lio_listio64, "GLIBC_2.4"),
    ENTRY(fopen64),
    ENTRY(freopen64),
    ENTRY(fdopen),
    ENTRY(fclose),
    ENTRY(sigaction),
    ENTRY(signal),
    ENTRY(sysv_signal),
    ENTRY(sigset),
    ENTRY(sigsetmask),
    ENTRY(sigblock),
    ENTRY(sighold),
    ENTRY(sigprocmask),
    ENTRY(pthread_sigmask),
    ENTRY(pthread_create),
    ENTRY(pthread_testcancel),
    ENTRY(syscall),
    ENTRY(execvpe),
    ENTRY(fexecve),
    ENTRY_OF(posix_spawn, "GLIBC_2.15"), /* before, it gave texts to a shell */
    ENTRY_OF(posix_spawnp, "GLIBC_2.15"),
    ENTRY(system),
    ENTRY(popen),
    ENTRY(wordexp),
    ENTRY(_Fork),
    ENTRY(ftw),
    ENTRY_OF(nftw, "GLIBC_2.3.3"), /* before, it knew no FTW_ACTIONRETVAL */
    ENTRY(fts_read),
    ENTRY(lockf64),
    ENTRY(fstatvfs),
    ENTRY(dlopen),
    ENTRY(clone),
#undef ENTRY
#undef ENTRY_OF
};

/* Of several versions, RTLD_NEXT means the oldest before glibc 2.36. */
static void *find(const struct entry *entry)
{
    void *found = entry->version[0] != '\0' ? dlvsym(RTLD_NEXT, entry->name, entry->version) : NULL;

    return found != NULL ? found : dlsym(RTLD_NEXT, entry->name);
}

void ps_real_find(void)
{
    static _Atomic int state; /* 0: to do, 1: a thread is at it, 2: done */
    static __thread bool searching __attribute__((tls_model("initial-exec")));
    int todo = 0, saved = errno;

    if (searching)
        return; /* called from inside dlsym: the stand-ins serve */
    if (!atomic_compare_exchange_strong(&state, &todo, 1)) {
        while (atomic_load(&state) == 1)
            sys_call3(SYS_sched_yield, 0, 0, 0);
        return;
    }
    searching = true;
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        void *found = find(&entries[i]);
        if (found != NULL)
            memcpy((char *)&ps_real + entries[i].offset, &found, sizeof(found));
    }
    searching = false;
    atomic_store_explicit(&ps_real_found, true, memory_order_release);
    atomic_store(&state, 2);
    errno = saved;
}

void *ps_real_late(const char *name)
{
    int saved = errno;
    void *found = dlsym(RTLD_NEXT, name);

    errno = saved;
    return found;
}

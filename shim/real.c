/* real.c: see real.h */
#include "real.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "base/sys.h"

static long result_of(long result)
{
    if (result >= 0 || result < -4095)
        return result;
    errno = (int)-result;
    return -1;
}

/* --- stand-ins, for calls that come from inside dlsym ------------------------------ */

static int early_openat(int dir, const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return (int)result_of(sys_openat(dir, path, flags, mode));
}

static int early_open(const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return (int)result_of(sys_openat(AT_FDCWD, path, flags, mode));
}

static ssize_t early_read(int fd, void *buffer, size_t size)
{
    return result_of(sys_read(fd, buffer, size));
}

static ssize_t early_write(int fd, const void *buffer, size_t size)
{
    return result_of(sys_write(fd, buffer, size));
}

static int early_close(int fd)
{
    return (int)result_of(sys_close(fd));
}

static ssize_t early_pread64(int fd, void *buffer, size_t size, off_t offset)
{
    return result_of(sys_pread(fd, buffer, size, (uint64_t)offset));
}

static void early_testcancel(void)
{
}

/* a hook that runs inside dlsym itself and needs more than these gets none of libc's functions */
struct real ps_real = {
    .open = early_open,
    .openat = early_openat,
    .read = early_read,
    .write = early_write,
    .close = early_close,
    .pread64 = early_pread64,
    .pthread_testcancel = early_testcancel,
};
_Atomic bool ps_real_found;

/* --- the search ------------------------------------------------------------------------ */

static const struct entry {
    const char *name;
    size_t offset;
} entries[] = {
#define ENTRY(name)                                                                                \
    {                                                                                              \
#name, offsetof(struct real, name)                                                         \
    }
    ENTRY(open),
    ENTRY(openat),
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
    ENTRY(close),
    ENTRY(fcntl64),
    ENTRY(aio_read64),
    ENTRY(aio_write64),
    ENTRY(lio_listio64),
    ENTRY(fopen64),
    ENTRY(freopen64),
    ENTRY(fdopen),
    ENTRY(fclose),
    ENTRY(sigaction),
    ENTRY(signal),
    ENTRY(sysv_signal),
    ENTRY(sigset),
    ENTRY(sigprocmask),
    ENTRY(pthread_sigmask),
    ENTRY(pthread_testcancel),
    ENTRY(syscall),
    ENTRY(_Fork),
    ENTRY(clone),
#undef ENTRY
};

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
        void *found = dlsym(RTLD_NEXT, entries[i].name);
        if (found != NULL)
            memcpy((char *)&ps_real + entries[i].offset, &found, sizeof(found));
    }
    searching = false;
    atomic_store_explicit(&ps_real_found, true, memory_order_release);
    atomic_store(&state, 2);
    errno = saved;
}

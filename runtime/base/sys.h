/*
 * sys.h: the kernel, by the shortest way
 *
 * libps exports open, read, mmap and the like for the program's sake, so its
 * own code must not call them: it would meet itself. These are the system
 * calls themselves. They return a negative errno instead of setting errno,
 * touch no lock and no thread-local state, and so are safe in any handler and
 * before libc is initialised.
 */
#ifndef PS_SYS_H
#define PS_SYS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>

#include "base/sanitizer.h"

/* For the headers of old systems; since Linux 5.1 a call has one number on all machines. */
#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif

#if defined(__x86_64__)
static inline long sys_call6(long n, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
static inline long sys_call6(long n, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = n;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}
#else
#error "libps knows x86-64 and aarch64"
#endif

#define sys_call3(n, a, b, c) sys_call6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)

/* is_sys_error: did a call that returns an address fail? */
static inline int is_sys_error(const void *address)
{
    return (unsigned long)address >= (unsigned long)-4095L;
}

static inline int sys_openat(int dir, const char *path, int flags, mode_t mode)
{
    return (int)sys_call6(SYS_openat, dir, (long)path, flags, (long)mode, 0, 0);
}

static inline int sys_close(int fd)
{
    return (int)sys_call3(SYS_close, fd, 0, 0);
}

static inline ssize_t sys_pread(int fd, void *buffer, size_t size, uint64_t offset)
{
    return sys_call6(SYS_pread64, fd, (long)buffer, (long)size, (long)offset, 0, 0);
}

static inline ssize_t sys_pwrite(int fd, const void *buffer, size_t size, uint64_t offset)
{
    return sys_call6(SYS_pwrite64, fd, (long)buffer, (long)size, (long)offset, 0, 0);
}

static inline ssize_t sys_read(int fd, void *buffer, size_t size)
{
    return sys_call3(SYS_read, fd, buffer, size);
}

static inline ssize_t sys_write(int fd, const void *buffer, size_t size)
{
    return sys_call3(SYS_write, fd, buffer, size);
}

static inline off_t sys_lseek(int fd, off_t offset, int whence)
{
    return sys_call3(SYS_lseek, fd, offset, whence);
}

static inline int sys_fstat(int fd, struct stat *st)
{
    return (int)sys_call3(SYS_fstat, fd, st, 0);
}

static inline int sys_fstatat(int dir, const char *path, struct stat *st, int flags)
{
    return (int)sys_call6(SYS_newfstatat, dir, (long)path, (long)st, flags, 0, 0);
}

/*
 * The kernel's own lock puts what was done to memory before its munmap before what
 * is done where that memory was; ThreadSanitizer sees neither call.
 */
#ifdef PS_THREAD_SANITIZER
void __tsan_acquire(void *);
void __tsan_release(void *);
char ps_kernel_maps __attribute__((weak, visibility("hidden")));
#define PS_MAPS_ORDER(way) __tsan_##way(&ps_kernel_maps)
#else
#define PS_MAPS_ORDER(way) ((void)0)
#endif

static inline void *sys_mmap(void *address, size_t size, int prot, int flags, int fd, off_t offset)
{
    long result = sys_call6(SYS_mmap, (long)address, (long)size, prot, flags, fd, offset);

    PS_MAPS_ORDER(acquire);
    return (void *)result;
}

static inline int sys_munmap(void *address, size_t size)
{
    PS_MAPS_ORDER(release);
    return (int)sys_call3(SYS_munmap, address, size, 0);
}

static inline int sys_mprotect(void *address, size_t size, int prot)
{
    return (int)sys_call3(SYS_mprotect, address, size, prot);
}

static inline int sys_madvise(void *address, size_t size, int advice)
{
    return (int)sys_call3(SYS_madvise, address, size, advice);
}

static inline int sys_mincore(void *address, size_t size, unsigned char *pages)
{
    return (int)sys_call3(SYS_mincore, address, size, pages);
}

static inline int sys_ioctl(int fd, unsigned long request, void *argument)
{
    return (int)sys_call3(SYS_ioctl, fd, request, argument);
}

static inline int sys_fcntl(int fd, int command, long argument)
{
    return (int)sys_call3(SYS_fcntl, fd, command, argument);
}

static inline int sys_dup3(int from, int to, int flags)
{
    return (int)sys_call3(SYS_dup3, from, to, flags);
}

static inline int sys_ftruncate(int fd, off_t size)
{
    return (int)sys_call3(SYS_ftruncate, fd, size, 0);
}

static inline int sys_fallocate(int fd, int mode, off_t offset, off_t size)
{
    return (int)sys_call6(SYS_fallocate, fd, mode, offset, size, 0, 0);
}

static inline int sys_fchmod(int fd, mode_t mode)
{
    return (int)sys_call3(SYS_fchmod, fd, mode, 0);
}

static inline int sys_memfd_create(const char *name, unsigned flags)
{
    return (int)sys_call3(SYS_memfd_create, name, flags, 0);
}

static inline int sys_unlinkat(int dir, const char *path, int flags)
{
    return (int)sys_call3(SYS_unlinkat, dir, path, flags);
}

static inline ssize_t sys_readlinkat(int dir, const char *path, char *buffer, size_t size)
{
    return sys_call6(SYS_readlinkat, dir, (long)path, (long)buffer, (long)size, 0, 0);
}

static inline ssize_t sys_getdents(int fd, void *buffer, size_t size)
{
    return sys_call3(SYS_getdents64, fd, buffer, size);
}

static inline int sys_futex(void *word, int operation, uint32_t value,
                            const struct timespec *timeout)
{
    return (int)sys_call6(SYS_futex, (long)word, operation, (long)value, (long)timeout, 0, 0);
}

static inline int sys_sigmask(int how, const uint64_t *set, uint64_t *old)
{
    return (int)sys_call6(SYS_rt_sigprocmask, how, (long)set, (long)old, 8, 0, 0);
}

static inline int sys_userfaultfd(int flags)
{
    return (int)sys_call3(SYS_userfaultfd, flags, 0, 0);
}

static inline int sys_getpid(void)
{
    return (int)sys_call3(SYS_getpid, 0, 0, 0);
}

static inline int sys_gettid(void)
{
    return (int)sys_call3(SYS_gettid, 0, 0, 0);
}

static inline ssize_t sys_getrandom(void *buffer, size_t size)
{
    return sys_call3(SYS_getrandom, buffer, size, 0);
}

#endif

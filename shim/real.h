/*
 * real.h: the next libc functions behind those that the shim exports
 *
 * Only functions that do more than a system call are here: cancellation points,
 * and those that keep state of libc's own (stdio, signals, aio, forks). They are
 * found once, by the constructor or by the first hook that runs before it. While
 * they are being found, dlsym may call a memory allocator, and that may make
 * calls that are hooked: for those there are stand-ins that are system calls.
 */
#ifndef PS_REAL_H
#define PS_REAL_H

#include <fts.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct FTW;
struct aiocb;
struct iovec;
struct msghdr;
struct mmsghdr;
struct sigaction;
struct sigevent;
struct stat;
struct statvfs;
struct timespec;

struct real {
    int (*openat)(int, const char *, int, ...);
    int (*faccessat)(int, const char *, int, int);
    int (*access)(const char *, int);
    int (*euidaccess)(const char *, int);
    ssize_t (*read)(int, void *, size_t);
    ssize_t (*pread64)(int, void *, size_t, off_t);
    ssize_t (*readv)(int, const struct iovec *, int);
    ssize_t (*preadv64)(int, const struct iovec *, int, off_t);
    ssize_t (*preadv64v2)(int, const struct iovec *, int, off_t, int);
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*pwrite64)(int, const void *, size_t, off_t);
    ssize_t (*writev)(int, const struct iovec *, int);
    ssize_t (*pwritev64)(int, const struct iovec *, int, off_t);
    ssize_t (*pwritev64v2)(int, const struct iovec *, int, off_t, int);
    ssize_t (*send)(int, const void *, size_t, int);
    ssize_t (*sendto)(int, const void *, size_t, int, const void *, unsigned);
    ssize_t (*sendmsg)(int, const struct msghdr *, int);
    ssize_t (*recv)(int, void *, size_t, int);
    ssize_t (*recvfrom)(int, void *, size_t, int, void *, void *);
    ssize_t (*recvmsg)(int, struct msghdr *, int);
    int (*recvmmsg)(int, struct mmsghdr *, unsigned, int, struct timespec *);
    int (*sendmmsg)(int, struct mmsghdr *, unsigned, int);
    ssize_t (*vmsplice)(int, const struct iovec *, size_t, unsigned);
    ssize_t (*__recv_chk)(int, void *, size_t, size_t, int);
    ssize_t (*__recvfrom_chk)(int, void *, size_t, size_t, int, void *, void *);
    int (*close)(int);
    int (*fcntl64)(int, int, ...);
    int (*aio_read64)(struct aiocb *);
    int (*aio_write64)(struct aiocb *);
    int (*lio_listio64)(int, struct aiocb *const *, int, struct sigevent *);
    void *(*fopen64)(const char *, const char *);
    void *(*freopen64)(const char *, const char *, void *);
    void *(*fdopen)(int, const char *);
    int (*fclose)(void *);
    int (*sigaction)(int, const struct sigaction *, struct sigaction *);
    void *(*signal)(int, void *);
    void *(*sysv_signal)(int, void *);
    void *(*sigset)(int, void *);
    int (*sigsetmask)(int);
    int (*sigblock)(int);
    int (*sighold)(int);
    int (*sigprocmask)(int, const void *, void *);
    int (*pthread_sigmask)(int, const void *, void *);
    int (*pthread_create)(void *, const void *, void *(*)(void *), void *);
    void (*pthread_testcancel)(void);
    long (*syscall)(long, ...);
    int (*execvpe)(const char *, char *const *, char *const *);
    int (*fexecve)(int, char *const *, char *const *);
    int (*posix_spawn)(void *, const char *, const posix_spawn_file_actions_t *,
                       const posix_spawnattr_t *, char *const *, char *const *);
    int (*posix_spawnp)(void *, const char *, const posix_spawn_file_actions_t *,
                        const posix_spawnattr_t *, char *const *, char *const *);
    int (*system)(const char *);
    void *(*popen)(const char *, const char *);
    int (*wordexp)(const char *, void *, int);
    pid_t (*_Fork)(void);
    int (*ftw)(const char *, int (*)(const char *, const struct stat *, int), int);
    int (*nftw)(const char *, int (*)(const char *, const struct stat *, int, struct FTW *), int,
                int);
    FTSENT *(*fts_read)(FTS *);
    int (*lockf64)(int, int, off_t);
    int (*fstatvfs)(int, struct statvfs *);
    void *(*dlopen)(const char *, int);
    int (*clone)(int (*)(void *), void *, int, void *, ...);
};

extern struct real ps_real;
extern _Atomic bool ps_real_found;

/* ps_real_find: fill ps_real in. Safe to call from any hook, at any time, by any thread. */
void ps_real_find(void);

/* REAL(name): the next libc's function of that name */
#define REAL(name)                                                                                 \
    (*(atomic_load_explicit(&ps_real_found, memory_order_acquire) ? (void)0 : ps_real_find(),      \
       ps_real.name))

/*
 * ps_real_late: the same of a function that only new releases of libc have, or NULL
 *
 * Not in a handler. A search that fails allocates, so it is not for every process.
 */
void *ps_real_late(const char *name);

#endif

/* call_file_lock.c: flock, lockf and the locks of fcntl; see file_lock.h */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/hold.h"
#include "base/sys.h"
#include "file_lock.h"
#include "hook.h"
#include "preload.h"
#include "peek.h"
#include "real.h"
#include "view.h"

/* Of each of the program's numbers: what it locks by, plus 1; memory only where there are any */
static _Atomic int lockers[PS_VIEWS];
static _Atomic int highest = -1; /* number that ever had one */

static bool is_among(int fd)
{
    return fd >= 0 && fd <= atomic_load_explicit(&highest, memory_order_relaxed);
}

static int locker_of(int fd)
{
    return is_among(fd) ? atomic_load(&lockers[fd]) - 1 : -1;
}

static void raise_highest(int fd)
{
    int seen = atomic_load(&highest);

    while (seen < fd && !atomic_compare_exchange_weak(&highest, &seen, fd))
        ;
}

static bool has_copy(int locker)
{
    for (int fd = 0; fd <= atomic_load(&highest); fd++)
        if (atomic_load(&lockers[fd]) == locker + 1)
            return true;
    return false;
}

/* A vforked child closes its own descriptors only; libps's are closed by exec. */
void ps_file_lock_closed(int fd)
{
    int locker;

    if (!is_among(fd) || !ps_fork_at_home())
        return;
    locker = atomic_exchange(&lockers[fd], 0) - 1;
    if (locker >= 0 && !has_copy(locker))
        ps_unhold(locker);
}

void ps_file_lock_copied(int from, int to)
{
    int locker = locker_of(from);

    if (locker < 0 || (unsigned)to >= PS_VIEWS || !ps_fork_at_home())
        return;
    raise_highest(to);
    atomic_store(&lockers[to], locker + 1);
}

/* Does it lock the file that fd shows now? libc may have closed fd unseen. */
static bool is_of(int locker, int proxy)
{
    struct stat one, other;

    return sys_fstat(locker, &one) == 0 && sys_fstat(proxy, &other) == 0 &&
           one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

int ps_file_lock(int fd)
{
    int locker = locker_of(fd), proxy, flags, none = 0;

    if (ps_view_is_plain(fd) || ps_guard_held() || !ps_fork_at_home())
        return fd;
    proxy = ps_view_proxy(fd);
    if (proxy < 0)
        return fd;
    if (locker >= 0 && is_of(locker, proxy)) {
        sys_close(proxy);
        return locker;
    }
    ps_file_lock_closed(fd);
    /* it goes where fd goes */
    flags = sys_fcntl(fd, F_GETFD, 0);
    proxy = ps_hold(proxy, flags >= 0 && !(flags & FD_CLOEXEC));
    if (proxy < 0 || (unsigned)fd >= PS_VIEWS) {
        ps_unhold(proxy);
        return fd;
    }
    raise_highest(fd);
    if (atomic_compare_exchange_strong(&lockers[fd], &none, proxy + 1))
        return proxy;
    ps_unhold(proxy); /* another thread was faster */
    return none - 1;
}

HOOK(int, flock, (int fd, int operation))
{
    return (int)ps_result(sys_call3(SYS_flock, ps_file_lock(fd), operation, 0));
}

/* From the start of the file: the proxy file has another end, and its descriptor an offset of its
 * own */
static int from_start(int fd, struct flock *lock)
{
    struct ps_view view;
    off_t from;

    if (lock->l_whence != SEEK_CUR && lock->l_whence != SEEK_END)
        return 0;
    from = sys_lseek(fd, 0, SEEK_CUR);
    if (lock->l_whence == SEEK_END && ps_view_get(fd, &view) > PS_VIEW_PLAIN) {
        from = (off_t)ps_image_size(view.image);
        ps_image_put(view.image);
    }
    if (from < 0)
        return (int)from;
    lock->l_whence = SEEK_SET;
    return __builtin_add_overflow(lock->l_start, from, &lock->l_start) ? -EOVERFLOW : 0;
}

int ps_file_lock_fcntl(int fd, int command, struct flock *lock)
{
    int of = ps_file_lock(fd), result;
    struct flock own;

    if (of == fd) {
        if (command == F_SETLK || command == F_SETLKW)
            ps_look_locks(fd);
        return REAL(fcntl64)(fd, command, lock);
    }
    result = ps_peek(&own, lock, sizeof(own));
    if (result == 0)
        result = from_start(fd, &own);
    if (result < 0)
        return (int)ps_result(result);
    result = REAL(fcntl64)(of, command, &own);
    if (result == 0 && (command == F_GETLK || command == F_OFD_GETLK) &&
        ps_poke(lock, &own, sizeof(own)) < 0)
        return (int)ps_result(-EFAULT);
    return result;
}

/* libc's own makes its locks by calls that nobody sees. */
static int lockf_by(int fd, int command, off_t size)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_len = size};

    switch (command) {
    case F_LOCK:
        return ps_file_lock_fcntl(fd, F_SETLKW, &lock);
    case F_TLOCK:
        return ps_file_lock_fcntl(fd, F_SETLK, &lock);
    case F_ULOCK:
        lock.l_type = F_UNLCK;
        return ps_file_lock_fcntl(fd, F_SETLK, &lock);
    case F_TEST:
        lock.l_type = F_RDLCK;
        if (ps_file_lock_fcntl(fd, F_GETLK, &lock) < 0)
            return -1;
        return lock.l_type == F_UNLCK ? 0 : (int)ps_result(-EACCES);
    default:
        return (int)ps_result(-EINVAL);
    }
}

HOOK(int, lockf64, (int fd, int command, off_t size))
{
    if (ps_file_lock(fd) != fd)
        return lockf_by(fd, command, size);
    ps_look_locks(fd);
    return REAL(lockf64)(fd, command, size);
}
ALIAS(int, lockf, lockf64, (int, int, off_t));

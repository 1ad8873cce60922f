/* call_file_lock.c: flock, lockf and the locks of fcntl, by the lockers of file_lock.h */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/sys.h"
#include "file_lock.h"
#include "hook.h"
#include "peek.h"
#include "preload.h"
#include "real.h"
#include "view.h"

HOOK(int, flock, (int fd, int operation))
{
    int of = ps_file_lock(fd, PS_LOCKER_OPEN);

    return (int)ps_result(of < 0 && of != fd ? of : sys_call3(SYS_flock, of, operation, 0));
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

/* The command for an open file, or 0: it is one already */
static int as_open(int command)
{
    return command == F_SETLK    ? F_OFD_SETLK
           : command == F_SETLKW ? F_OFD_SETLKW
           : command == F_GETLK  ? F_OFD_GETLK
                                 : 0;
}

/* What the program finds in its *lock afterwards: as the kernel, of no lock only that it is none */
static int answer(struct flock *lock, const struct flock *found)
{
    size_t size = found->l_type == F_UNLCK ? sizeof(found->l_type) : sizeof(*found);

    return ps_poke(lock, found, size);
}

static int lock_proxy(int of, int fd, int command, struct flock *lock)
{
    struct flock own;
    int result = ps_peek(&own, lock, sizeof(own));

    if (result == 0)
        result = from_start(fd, &own);
    if (result < 0)
        return (int)ps_result(result);
    if (as_open(command) != 0) {
        command = as_open(command);
        own.l_pid = 0;
    }
    result = REAL(fcntl64)(of, command, &own);
    if (result == 0 && command == F_OFD_GETLK && answer(lock, &own) < 0)
        return (int)ps_result(-EFAULT);
    return result;
}

int ps_file_lock_fcntl(int fd, int command, struct flock *lock)
{
    int of = ps_file_lock(fd, as_open(command) != 0 ? PS_LOCKER_PROCESS : PS_LOCKER_OPEN);

    if (of == fd) {
        if (command == F_SETLK || command == F_SETLKW)
            ps_look_locks(fd);
        return REAL(fcntl64)(fd, command, lock);
    }
    return of < 0 ? (int)ps_result(of) : lock_proxy(of, fd, command, lock);
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
    if (ps_file_lock(fd, PS_LOCKER_PROCESS) != fd)
        return lockf_by(fd, command, size);
    ps_look_locks(fd);
    return REAL(lockf64)(fd, command, size);
}
ALIAS(int, lockf, lockf64, (int, int, off_t));

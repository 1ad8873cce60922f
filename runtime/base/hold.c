/* hold.c: see hold.h */
#include "base/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/sanitizer.h"
#include "base/sys.h"

/* ThreadSanitizer has to see that a number is free again; its builds are without the hooks. */
#ifdef PS_THREAD_SANITIZER
#include <unistd.h>
#define close_given close
#else
#define close_given sys_close
#endif

enum { FD_MAX = 1 << 16, ROOM = 64 };

static _Atomic uint64_t held[FD_MAX / 64];
static _Atomic int highest = -1;

/* Where to begin: some way below the soft limit, as programs may count from 0 upward to it. */
static int lowest_wanted(void)
{
    struct rlimit limit;
    long top = FD_MAX;

    if (sys_call6(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit, 0, 0) == 0 &&
        limit.rlim_cur < FD_MAX)
        top = (long)limit.rlim_cur;
    return top > 4 * ROOM ? (int)(top - ROOM - top / 4) : (int)(top / 2);
}

static void mark(int fd)
{
    int seen = atomic_load(&highest);

    atomic_fetch_or(&held[fd / 64], UINT64_C(1) << (fd % 64));
    while (seen < fd && !atomic_compare_exchange_weak(&highest, &seen, fd))
        ;
}

void ps_hold_inherited(int fd)
{
    if (fd >= 0 && fd < FD_MAX)
        mark(fd);
}

int ps_hold(int fd, bool inherit)
{
    int command = inherit ? F_DUPFD : F_DUPFD_CLOEXEC;
    int moved = sys_fcntl(fd, command, lowest_wanted());

    if (moved >= 0)
        close_given(fd);
    else /* the table is full above: stay here */
        moved = sys_fcntl(fd, F_SETFD, inherit ? 0 : FD_CLOEXEC) < 0 ? -EBADF : fd;
    if (moved < 0)
        return moved;
    if (moved >= FD_MAX) {
        sys_close(moved);
        return -EMFILE;
    }
    mark(moved);
    return moved;
}

void ps_unhold(int fd)
{
    if (fd < 0)
        return;
    atomic_fetch_and(&held[fd / 64], ~(UINT64_C(1) << (fd % 64)));
    sys_close(fd);
}

bool ps_hold_has(int fd)
{
    if (fd < 0 || fd > atomic_load_explicit(&highest, memory_order_relaxed))
        return false;
    return atomic_load_explicit(&held[fd / 64], memory_order_relaxed) >> (fd % 64) & 1;
}

int ps_hold_next(int fd)
{
    int last = atomic_load_explicit(&highest, memory_order_relaxed);

    for (fd = fd < 0 ? 0 : fd; fd <= last; fd++)
        if (ps_hold_has(fd))
            return fd;
    return -1;
}

/* look.c: see look.h */
#include "look.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "base/dir.h"
#include "base/hold.h"
#include "base/lock.h"
#include "base/sys.h"
#include "base/text.h"
#include "preload.h"

enum { FD_MAX = 1 << 16 };

/*
 * Numbers by which a lock was ever made; those from FD_MAX on count as such. A
 * number stays here when it is closed: to compare one more file costs nothing.
 */
static _Atomic uint64_t locking[FD_MAX / 64];
static _Atomic int highest = -1;

/*
 * Looks that are going on. A first lock by a number must wait for those that did
 * not know of it: two counters in turn, so that it need not wait for ever new ones.
 */
static _Atomic unsigned looks[2], turn;

static bool has_locked(int fd)
{
    return fd <= atomic_load(&highest) &&
           (fd >= FD_MAX || (atomic_load(&locking[fd / 64]) >> (fd % 64) & 1));
}

static void remember(int fd)
{
    int seen = atomic_load(&highest);

    if (fd < FD_MAX)
        atomic_fetch_or(&locking[fd / 64], UINT64_C(1) << (fd % 64));
    while (seen < fd && !atomic_compare_exchange_weak(&highest, &seen, fd))
        ;
}

void ps_look_locks(int fd)
{
    if (fd < 0 || has_locked(fd))
        return;
    remember(fd);
    for (unsigned old = 0; old < 2; old++) {
        atomic_store(&turn, 1 - old);
        while (atomic_load(&looks[old]) > 0)
            if (!atomic_load(&ps_preload_filtered))
                sys_call3(SYS_sched_yield, 0, 0, 0);
    }
}

void ps_look_fork_child(void)
{
    atomic_store(&looks[0], 0);
    atomic_store(&looks[1], 0);
}

/* --- locks that came over exec ---------------------------------------------------------- */

static int visit(int dir, const char *name, void *unused)
{
    char text[1024];
    int file = sys_openat(dir, name, O_RDONLY | O_CLOEXEC, 0);
    ssize_t got = file < 0 ? 0 : sys_pread(file, text, sizeof(text), 0);

    (void)unused;
    if (file >= 0)
        sys_close(file);
    /* "lock: 1: POSIX ..."; a list that is cut began with one of these, or may have one behind */
    if (got == sizeof(text) || (got > 0 && memmem(text, (size_t)got, "POSIX", 5) != NULL))
        remember(ps_text_to_number(name));
    return 0;
}

/* Once: what is locked later is seen. Without /proc, each low number that is open may have locked.
 */
void ps_look_inherited(void)
{
    static _Atomic bool found;

    if (atomic_load(&found) || atomic_load(&ps_preload_filtered))
        return;
    if (ps_dir_each("/proc/thread-self/fdinfo", visit, NULL) < 0)
        for (int fd = 0; fd < 1024; fd++)
            if (sys_fcntl(fd, F_GETFD, 0) >= 0)
                remember(fd);
    atomic_store(&found, true);
}

/* --- a look ----------------------------------------------------------------------------- */

static int find_own(const struct stat *st)
{
    struct stat own;

    for (int fd = 0, last = atomic_load(&highest); fd <= last; fd++)
        if (has_locked(fd) && sys_fstat(fd, &own) == 0 && own.st_ino == st->st_ino &&
            own.st_dev == st->st_dev)
            return fd;
    return -1;
}

static void count(struct ps_look *look)
{
    look->counted = -1;
    if (!ps_fork_at_home()) /* a vforked child closes nothing of its parent's */
        return;
    look->counted = (int)atomic_load(&turn);
    atomic_fetch_add(&looks[look->counted], 1);
}

static void uncount(const struct ps_look *look)
{
    if (look->counted >= 0)
        atomic_fetch_sub(&looks[look->counted], 1);
    ps_signals_restore(&look->mask);
}

int ps_look_begin(struct ps_look *look, int dir, const char *path, int flags)
{
    struct stat st;

    ps_look_inherited();
    ps_signals_block(&look->mask);
    count(look);
    look->fd = -1;
    if (atomic_load(&highest) >= 0 &&
        sys_fstatat(dir, path, &st, flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0) == 0)
        look->fd = find_own(&st);
    look->is_own = look->fd < 0;
    if (look->is_own)
        look->fd = sys_openat(dir, path, flags, 0);
    if (look->fd >= 0)
        return 0;
    uncount(look);
    return look->fd;
}

void ps_look_end(struct ps_look *look)
{
    struct stat st;

    if (look->is_own) {
        /* another file came in its place before it was opened: one that is locked must stay open */
        if (atomic_load(&highest) >= 0 && sys_fstat(look->fd, &st) == 0 && find_own(&st) >= 0)
            ps_hold(look->fd, false);
        else
            sys_close(look->fd);
    }
    uncount(look);
}

/* file_lock.c: lockers, and which number has which; see file_lock.h */
#include "file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdatomic.h>

#include "base/dir.h"
#include "base/hold.h"
#include "base/sys.h"
#include "base/text.h"
#include "hook.h"
#include "locker_mark.h"
#include "view.h"

/* Of each of the program's numbers: its locker, plus 1; memory only where there are any */
static _Atomic int lockers[PS_LOCKERS][PS_VIEWS];
static _Atomic int highest = -1; /* number that ever had one */

enum { SHARED_MAX = 64 }; /* lockers that are made for children: the program needs numbers too */

static bool is_among(int fd)
{
    return fd >= 0 && fd <= atomic_load_explicit(&highest, memory_order_relaxed);
}

static int locker_of(int fd, enum ps_locker kind)
{
    return is_among(fd) ? atomic_load(&lockers[kind][fd]) - 1 : -1;
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
        if (locker_of(fd, PS_LOCKER_OPEN) == locker)
            return true;
    return false;
}

static void drop(int fd, enum ps_locker kind)
{
    int locker = atomic_exchange(&lockers[kind][fd], 0) - 1;

    if (locker < 0 || (kind == PS_LOCKER_OPEN && has_copy(locker)))
        return;
    for (int other = 0; kind == PS_LOCKER_PROCESS && other <= atomic_load(&highest); other++) {
        int same = locker + 1;
        atomic_compare_exchange_strong(&lockers[kind][other], &same, 0);
    }
    ps_unhold(locker);
}

/* --- what was inherited ---------------------------------------------------------------- */

static int adopt(int fd, enum ps_locker kind, int locker, void *unused)
{
    (void)unused;
    if (fd >= PS_VIEWS || !ps_hold_keep(locker))
        return 0;
    if (kind == PS_LOCKER_PROCESS)
        sys_fcntl(locker, F_SETFD, FD_CLOEXEC);
    raise_highest(fd);
    atomic_store(&lockers[kind][fd], locker + 1);
    return 0;
}

/* All at once, before this process has lockers of its own: copies share what they find. */
static void meet(void)
{
    static _Atomic bool met;

    if (!atomic_load(&ps_preload_filtered) && !atomic_exchange(&met, true))
        ps_locker_marks(adopt, NULL);
}

void ps_file_lock_meet(int fd)
{
    struct stat st;

    /* only what was never closed since the program began */
    if ((unsigned)fd < PS_VIEWS &&
        atomic_load_explicit(&ps_views[fd], memory_order_relaxed) == PS_VIEW_UNKNOWN &&
        !ps_guard_held() && !atomic_load(&ps_preload_filtered) && ps_fork_at_home() &&
        sys_fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 0)
        meet();
}

/* --- numbers come and go --------------------------------------------------------------- */

/* A vforked child closes its own descriptors only; libps's are closed by exec. */
void ps_file_lock_closed(int fd)
{
    ps_file_lock_meet(fd);
    if (!is_among(fd) || !ps_fork_at_home())
        return;
    drop(fd, PS_LOCKER_OPEN);
    drop(fd, PS_LOCKER_PROCESS);
}

void ps_file_lock_copied(int from, int to)
{
    if ((unsigned)to >= PS_VIEWS || !is_among(from) || !ps_fork_at_home())
        return;
    for (enum ps_locker kind = 0; kind < PS_LOCKERS; kind++)
        if (locker_of(from, kind) >= 0) {
            raise_highest(to);
            atomic_store(&lockers[kind][to], locker_of(from, kind) + 1);
        }
}

/* A lock of the parent's process is none of its child's. */
void ps_file_lock_fork_child(void)
{
    for (int fd = 0; fd <= atomic_load(&highest); fd++)
        drop(fd, PS_LOCKER_PROCESS);
}

void ps_file_lock_exec(bool begins)
{
    for (int fd = 0; fd <= atomic_load(&highest); fd++)
        if (locker_of(fd, PS_LOCKER_PROCESS) >= 0 && ps_fork_at_home())
            sys_fcntl(locker_of(fd, PS_LOCKER_PROCESS), F_SETFD, begins ? 0 : FD_CLOEXEC);
}

/* --- a locker -------------------------------------------------------------------------- */

/* Is that the file which the locker locks? libc may have closed the number unseen. */
static bool is_of(int locker, const struct stat *proxy)
{
    struct stat st;

    return sys_fstat(locker, &st) == 0 && st.st_ino == proxy->st_ino && st.st_dev == proxy->st_dev;
}

/* The proxy file's identity: 1; 0: not known; negative: fd is no view */
static int identify(int fd, struct stat *proxy)
{
    int known = ps_view_name(fd, proxy), locker;

    if (known != 0)
        return known;
    meet();
    locker = locker_of(fd, PS_LOCKER_OPEN);
    return locker >= 0 && sys_fstat(locker, proxy) == 0;
}

/* The proxy file once more, with an offset and locks of its own, where fd goes; or a negative errno
 */
static int open_locker(int fd, enum ps_locker kind)
{
    char path[PS_FD_PATH];
    int locker = locker_of(fd, PS_LOCKER_OPEN), flags = sys_fcntl(fd, F_GETFD, 0);

    if (kind == PS_LOCKER_PROCESS && locker >= 0)
        locker = sys_openat(AT_FDCWD, ps_fd_path_of(path, sys_gettid(), locker),
                            O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    else
        locker = ps_view_proxy(fd);
    if (locker >= 0)
        locker = ps_hold(locker, kind == PS_LOCKER_OPEN && flags >= 0 && !(flags & FD_CLOEXEC));
    return locker;
}

static int shared_locker(const struct stat *proxy)
{
    for (int fd = 0; fd <= atomic_load(&highest); fd++)
        if (locker_of(fd, PS_LOCKER_PROCESS) >= 0 && is_of(locker_of(fd, PS_LOCKER_PROCESS), proxy))
            return locker_of(fd, PS_LOCKER_PROCESS);
    return -1;
}

struct spreading {
    int fd;
    enum ps_locker kind;
    int locker;
};

/* Is it a copy of fd? Where a filter refuses the question, the mark tells, on an image. */
static bool is_copy(const struct spreading *spreading, int other)
{
    int process = sys_getpid();
    long order = sys_call6(SYS_kcmp, process, process, KCMP_FILE, spreading->fd, other, 0);

    return order >= 0 ? order == 0 : ps_locker_is_marked(other, spreading->kind, spreading->locker);
}

static int spread(int dir, const char *name, void *argument)
{
    const struct spreading *spreading = argument;
    int other = ps_text_to_number(name), none = 0;

    (void)dir;
    if (other != spreading->fd && ps_view_remembered(other) >= PS_VIEW_IMAGE &&
        is_copy(spreading, other)) {
        raise_highest(other);
        atomic_compare_exchange_strong(&lockers[spreading->kind][other], &none,
                                       spreading->locker + 1);
    }
    return 0;
}

static int make(int fd, enum ps_locker kind, const struct stat *proxy)
{
    int locker = kind == PS_LOCKER_PROCESS ? shared_locker(proxy) : -1, none = 0;
    bool is_new = locker < 0;

    if (is_new)
        locker = open_locker(fd, kind);
    if (locker < 0)
        return fd;
    raise_highest(fd);
    if (!atomic_compare_exchange_strong(&lockers[kind][fd], &none, locker + 1)) {
        if (is_new)
            ps_unhold(locker); /* another thread was faster */
        return none - 1;
    }
    ps_locker_mark(fd, kind, locker);
    if (!atomic_load(&ps_preload_filtered))
        ps_dir_each("/proc/thread-self/fd", spread, &(struct spreading){fd, kind, locker});
    return locker;
}

int ps_file_lock(int fd, enum ps_locker kind)
{
    struct stat proxy;
    int known, locker;

    if (ps_view_is_plain(fd) || ps_guard_held() || !ps_fork_at_home())
        return fd;
    known = identify(fd, &proxy);
    if (known == 0)
        return -ENOLCK;
    if (known < 0 || fd >= PS_VIEWS)
        return fd;
    meet();
    locker = locker_of(fd, kind);
    if (locker >= 0 && is_of(locker, &proxy))
        return locker;
    if (locker >= 0)
        drop(fd, kind);
    return make(fd, kind, &proxy);
}

/* --- for children and other programs ------------------------------------------------------ */

struct sharing {
    bool every;
    int count;
};

static int share(int dir, const char *name, void *argument)
{
    struct sharing *sharing = argument;
    int fd = ps_text_to_number(name), flags;
    enum ps_view_kind kind;

    (void)dir;
    kind = ps_view_remembered(fd);
    /* of an object's own file, which a store handed out, another program finds no locker */
    if (kind != PS_VIEW_IMAGE && (kind != PS_VIEW_DIRECT || !sharing->every))
        return 0;
    flags = sys_fcntl(fd, F_GETFD, 0);
    if (flags < 0 || ((flags & FD_CLOEXEC) && !sharing->every))
        return 0;
    if (ps_fork_at_home())
        ps_file_lock(fd, PS_LOCKER_OPEN);
    else
        ps_locker_lend(fd);
    return ++sharing->count == SHARED_MAX;
}

static bool goes_on(int locker)
{
    for (int fd = 0; fd <= atomic_load(&highest); fd++)
        if (locker_of(fd, PS_LOCKER_OPEN) == locker && sys_fcntl(fd, F_GETFD, 0) == 0)
            return true;
    return false;
}

static int goes_marked(int fd, enum ps_locker kind, int locker, void *unused)
{
    (void)unused;
    if (kind == PS_LOCKER_OPEN && sys_fcntl(fd, F_GETFD, 0) == 0)
        sys_fcntl(locker, F_SETFD, 0);
    return 0;
}

/*
 * Where numbers go may have been changed since their lockers were made.
 *
 * What is remembered of them is a vforked child's parent's: where the child's
 * own go, the marks tell. An object's own file has none: its locker stays as it is.
 */
static void follow(void)
{
    int last = atomic_load(&highest);
    bool home = ps_fork_at_home();

    for (int fd = 0; fd <= last; fd++) {
        int locker = locker_of(fd, PS_LOCKER_OPEN), flags;

        if (locker < 0 || (!home && ps_view_remembered(fd) == PS_VIEW_DIRECT))
            continue;
        flags = home && goes_on(locker) ? 0 : FD_CLOEXEC;
        if (sys_fcntl(locker, F_GETFD, 0) != flags)
            sys_fcntl(locker, F_SETFD, flags);
    }
    if (!home && last >= 0)
        ps_locker_marks(goes_marked, NULL);
}

void ps_file_lock_share(bool every)
{
    struct sharing sharing = {every, 0};
    int saved = errno;

    if (ps_images == NULL || ps_guard_held() || atomic_load(&ps_preload_filtered))
        return;
    ps_dir_each("/proc/thread-self/fd", share, &sharing);
    follow();
    errno = saved;
}

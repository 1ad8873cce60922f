/* inherit.c: see inherit.h */
#include "inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/dir.h"
#include "base/guard.h"
#include "base/hold.h"
#include "base/sys.h"
#include "base/text.h"
#include "peek.h"
#include "view.h"

struct scan {
    bool every;       /* those with FD_CLOEXEC too */
    const char *call; /* before which they are made whole; NULL: look for one */
    int result;       /* 1: there is one; negative: it can't be had */
};

static int make_whole(int fd, const char *call)
{
    struct ps_view view;
    int kind = ps_view_get(fd, &view), result = kind < 0 ? -EIO : 0;

    if (kind == PS_VIEW_IMAGE)
        result = ps_preload_unseen(view.image, call, fd);
    if (kind > PS_VIEW_PLAIN)
        ps_image_put(view.image);
    return result;
}

/* One descriptor; other than 0 ends the scan. */
static int look_at(struct scan *scan, int fd)
{
    struct stat st;
    int flags;

    /* by what the kernel says: this process may not have met it */
    if (ps_hold_has(fd) || ps_view_is_plain(fd) || sys_fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        st.st_nlink != 0 || !ps_preload_is_image(fd))
        return 0;
    flags = sys_fcntl(fd, F_GETFD, 0);
    if (flags < 0 || ((flags & FD_CLOEXEC) && !scan->every))
        return 0;
    scan->result = scan->call != NULL ? make_whole(fd, scan->call) : 1;
    return scan->result;
}

static int visit(int dir, const char *name, void *argument)
{
    (void)dir;
    return look_at(argument, ps_text_to_number(name)) != 0;
}

/* Where the list can't be read: no descriptor is left to open it, or there is no /proc */
static void look_at_numbers(struct scan *scan)
{
    struct rlimit limit;
    long end = PS_VIEWS;

    if (sys_call6(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit, 0, 0) == 0 &&
        limit.rlim_cur < PS_VIEWS)
        end = (long)limit.rlim_cur;
    for (int fd = 0; fd < end && look_at(scan, fd) == 0; fd++)
        ;
}

/* By the thread's own list: a vforked child's, or a thread's after unshare, is another. */
static int look(bool every, const char *call)
{
    struct scan scan = {every, call, 0};

    if (ps_dir_each("/proc/thread-self/fd", visit, &scan) < 0)
        look_at_numbers(&scan);
    return scan.result;
}

/*
 * A shell runs many programs, most never with an image. So one look is enough:
 * what is opened later is met, and makes ps_images; what comes from another
 * process is counted, and the count remembered at which there was none.
 */
static _Atomic uint32_t arrivals = 1, none_at;

void ps_inherit_came(void)
{
    atomic_fetch_add(&arrivals, 1);
}

bool ps_inherit_any(void)
{
    uint32_t seen = atomic_load(&arrivals); /* before the look: what comes during it counts */

    if (ps_images != NULL)
        return true;
    if (atomic_load(&none_at) == seen)
        return false;
    if (look(true, NULL) > 0)
        return true;
    if (ps_fork_at_home()) /* a vforked child has closed what its parent still has */
        atomic_store(&none_at, seen);
    return false;
}

int ps_inherit_whole(bool every, const char *call)
{
    return look(every, call);
}

static int send_numbers(const char *numbers, size_t count, const char *call)
{
    enum { MOST = 253 }; /* in one message: SCM_MAX_FD of the kernel */
    struct scan scan = {true, call, 0};
    int fds[MOST];

    if (count > MOST || ps_peek(fds, numbers, count * sizeof(fds[0])) < 0)
        return 0;
    for (size_t i = 0; i < count && look_at(&scan, fds[i]) == 0; i++)
        ;
    return scan.result;
}

/* What can't be read, or be right, the kernel refuses. */
int ps_inherit_sent(const struct msghdr *message, const char *call)
{
    struct msghdr copy;
    struct cmsghdr head;
    int result = 0;

    if (!ps_inherit_any() || ps_peek(&copy, message, sizeof(copy)) < 0)
        return 0;
    for (size_t at = 0; result == 0 && at + sizeof(head) <= copy.msg_controllen;
         at += CMSG_ALIGN(head.cmsg_len)) {
        const char *part = (const char *)copy.msg_control + at;

        if (ps_peek(&head, part, sizeof(head)) < 0 || head.cmsg_len < sizeof(head) ||
            head.cmsg_len > copy.msg_controllen - at)
            break;
        if (head.cmsg_level == SOL_SOCKET && head.cmsg_type == SCM_RIGHTS)
            result =
                send_numbers(part + CMSG_LEN(0), (head.cmsg_len - CMSG_LEN(0)) / sizeof(int), call);
    }
    return result;
}

void ps_inherit_lend(void)
{
    int saved = errno;

    if (!ps_guard_held() && ps_inherit_any())
        ps_preload_lend();
    errno = saved;
}

/*
 * call_own.c: descriptors that libraries of backends make for themselves
 *
 * libcurl keeps a pair of sockets to wake itself with. Among the program's
 * numbers it would be closed by the program's "close everything" loop, and what
 * the program opens next would be read by libcurl. In a thread of libps they
 * get numbers of libps's own. The program's calls pass by.
 */
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hold.h"
#include "base/sys.h"
#include "hook.h"

/* The number that the caller gets. No library of a backend starts programs that should have it. */
static int own(int fd)
{
    return ps_guard_held() ? ps_hold(fd, false) : fd;
}

static int own_pair(int pair[2], long result)
{
    int first, second;

    if (result < 0 || !ps_guard_held())
        return (int)ps_result(result);
    first = own(pair[0]);
    second = own(pair[1]);
    if (first < 0 || second < 0) {
        ps_unhold(first);
        ps_unhold(second);
        return (int)ps_result(-EMFILE);
    }
    pair[0] = first;
    pair[1] = second;
    return 0;
}

HOOK(int, socketpair, (int domain, int type, int protocol, int pair[2]))
{
    return own_pair(pair, sys_call6(SYS_socketpair, domain, type, protocol, (long)pair, 0, 0));
}

HOOK(int, pipe2, (int pair[2], int flags))
{
    return own_pair(pair, sys_call3(SYS_pipe2, (long)pair, flags, 0));
}

HOOK(int, pipe, (int pair[2]))
{
    return own_pair(pair, sys_call3(SYS_pipe2, (long)pair, 0, 0));
}

HOOK(int, eventfd, (unsigned value, int flags))
{
    long fd = sys_call3(SYS_eventfd2, value, flags, 0);

    return (int)ps_result(fd < 0 ? fd : own((int)fd));
}

/*
 * call_process.c: forks that pthread_atfork does not see
 *
 * fork() itself runs the handlers that shim.c registered. vfork is left alone:
 * its child lives in the parent's memory, where the parent's engine serves it,
 * and a wrapper's stack frame would not survive it.
 */
#include "base/sys.h"
#include "fork.h"
#include "hook.h"
#include "process.h"
#include "real.h"

long ps_process_fork(long (*fork_now)(void *), void *argument)
{
    long result;

    ps_fork_prepare();
    result = fork_now(argument);
    if (result == 0)
        ps_fork_child();
    else
        ps_fork_parent();
    return result;
}

static long libc_fork(void *unused)
{
    (void)unused;
    return REAL(_Fork) != NULL ? REAL(_Fork)() : ps_result(sys_call3(SYS_clone, 17, 0, 0));
}

/* glibc 2.34 and later; there it is fork without the handlers */
HOOK(pid_t, _Fork, (void))
{
    return (pid_t)ps_process_fork(libc_fork, NULL);
}

/*
 * call_process.c: forks that pthread_atfork does not see
 *
 * fork() itself runs the handlers that shim.c registered. vfork is left alone:
 * its child lives in the parent's memory, where the parent's engine serves it,
 * and a wrapper's stack frame would not survive it.
 */
#include <sched.h>
#include <stdarg.h>

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

struct clone {
    int (*function)(void *);
    void *argument;
};

static int clone_begin(void *argument)
{
    const struct clone *clone = argument;

    ps_fork_child();
    return clone->function(clone->argument);
}

/* Without CLONE_VM it is a fork whose child begins in a function, on another stack. */
HOOK(int, clone, (int (*function)(void *), void *stack, int flags, void *argument, ...))
{
    struct clone clone = {function, argument};
    void *more[3];
    va_list list;
    int pid;

    va_start(list, argument);
    for (int i = 0; i < 3; i++)
        more[i] = va_arg(list, void *);
    va_end(list);
    if (flags & CLONE_VM || ps_guard_held() || function == NULL)
        return REAL(clone)(function, stack, flags, argument, more[0], more[1], more[2]);
    ps_fork_prepare();
    /* the child has a copy of this frame too */
    pid = REAL(clone)(clone_begin, stack, flags, &clone, more[0], more[1], more[2]);
    ps_fork_parent();
    return pid;
}
ALIAS(int, __clone, clone, (int (*)(void *), void *, int, void *, ...));

/* glibc 2.34 and later; there it is fork without the handlers */
HOOK(pid_t, _Fork, (void))
{
    return (pid_t)ps_process_fork(libc_fork, NULL);
}

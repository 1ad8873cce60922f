/*
 * call_process.c: forks that pthread_atfork does not see
 *
 * fork() itself runs the handlers that shim.c registered. The child of vfork
 * lives in the parent's memory, where the parent's engine serves it.
 */
#include <sched.h>
#include <stdarg.h>

#include "base/sys.h"
#include "file_lock.h"
#include "fork.h"
#include "hook.h"
#include "inherit.h"
#include "process.h"
#include "real.h"

void ps_process_prepare(void)
{
    ps_file_lock_share(true);
    ps_fork_prepare();
}

void ps_process_child(void)
{
    ps_file_lock_fork_child();
    ps_fork_child();
}

long ps_process_fork(long (*fork_now)(void *), void *argument)
{
    long result;

    ps_process_prepare();
    result = fork_now(argument);
    if (result == 0)
        ps_process_child();
    else
        ps_fork_parent();
    return result;
}

static long libc_fork(void *unused)
{
    (void)unused;
    return REAL(_Fork) != NULL ? REAL(_Fork)() : ps_result(sys_call3(SYS_clone, 17, 0, 0));
}

static void lend(void) __asm__("ps_process_lend_all") __attribute__((used));

static void lend(void)
{
    ps_inherit_lend();
    ps_file_lock_share(true);
    __atomic_store_n(&ps_fork_lent, 1, __ATOMIC_RELAXED);
}

/*
 * vfork returns twice, on one stack: a frame of ours would not survive the
 * child. So this has none when it jumps on.
 */
#if defined(__x86_64__)
__asm__(".text\n.globl vfork\n.type vfork, @function\n"
        "vfork:\n"
        "\t.cfi_startproc\n"
        "\tendbr64\n"
        "\tsubq $8, %rsp\n"
        "\t.cfi_adjust_cfa_offset 8\n"
        "\tcall ps_process_lend_all\n"
        "\taddq $8, %rsp\n"
        "\t.cfi_adjust_cfa_offset -8\n"
        "\tjmp *__vfork@GOTPCREL(%rip)\n"
        "\t.cfi_endproc\n"
        ".size vfork, . - vfork\n");
#elif defined(__aarch64__)
__asm__(".text\n.globl vfork\n.type vfork, %function\n"
        "vfork:\n"
        "\t.cfi_startproc\n"
        "\thint 34\n" /* bti c */
        "\tstp x29, x30, [sp, -16]!\n"
        "\t.cfi_adjust_cfa_offset 16\n"
        "\t.cfi_offset x29, -16\n"
        "\t.cfi_offset x30, -8\n"
        "\tbl ps_process_lend_all\n"
        "\tldp x29, x30, [sp], 16\n"
        "\t.cfi_adjust_cfa_offset -16\n"
        "\t.cfi_restore x29\n"
        "\t.cfi_restore x30\n"
        "\tb __vfork\n"
        "\t.cfi_endproc\n"
        ".size vfork, . - vfork\n");
#endif

void ps_process_lend(unsigned long flags)
{
    if ((flags & CLONE_VM) && !(flags & CLONE_THREAD))
        lend();
}

struct clone {
    int (*function)(void *);
    void *argument;
};

static int clone_begin(void *argument)
{
    const struct clone *clone = argument;

    ps_process_child();
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
    ps_process_lend((unsigned long)(unsigned)flags);
    if (flags & CLONE_VM || ps_guard_held() || function == NULL)
        return REAL(clone)(function, stack, flags, argument, more[0], more[1], more[2]);
    ps_process_prepare();
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

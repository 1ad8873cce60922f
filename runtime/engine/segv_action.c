/* segv_action.c: see segv_action.h. Runs in a signal handler: the rules of segv.c hold. */
#include "engine/segv_action.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/guard.h"
#include "base/lock.h"
#include "base/sys.h"
#include "engine/engine.h"

/* The kernel's struct, which libc's sigaction() would hide behind the shim. */
struct kernel_action {
    void (*handler)(int, siginfo_t *, void *);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

/* Protects action and is_installed: a sigaction in one thread against a fault in another. */
struct ps_lock ps_action_lock = PS_LOCK(PS_RANK_ACTION);
static struct sigaction action; /* the program's */
static bool is_installed;

static int kernel_sigaction(int number, const struct kernel_action *to, struct kernel_action *from)
{
    return (int)sys_call6(SYS_rt_sigaction, number, (long)to, (long)from, 8, 0, 0);
}

#define SEGV_BIT (UINT64_C(1) << (SIGSEGV - 1))

/*
 * A touch while SIGSEGV is blocked ends the program. From now on the shim lets
 * nobody block it; here goes what was blocked before, as far as it can be
 * reached: by this thread, and by the program's handlers of other signals.
 */
static void unblock(void)
{
    const uint64_t segv = SEGV_BIT;

    sys_sigmask(SIG_UNBLOCK, &segv, NULL);
    for (int number = 1; number <= 64; number++) {
        struct kernel_action other;
        if (number == SIGSEGV || kernel_sigaction(number, NULL, &other) < 0 ||
            !(other.mask & SEGV_BIT))
            continue;
        other.mask &= ~SEGV_BIT;
        kernel_sigaction(number, &other, NULL);
    }
}

/* With the lock: of two threads that start the engine, the second must not find the first's. */
static int install(void (*handler)(int, siginfo_t *, void *))
{
    struct kernel_action theirs;
    struct sigaction real = {.sa_sigaction = handler};
    int result;

    if (is_installed)
        return 0;
    if (kernel_sigaction(SIGSEGV, NULL, &theirs) < 0)
        return -1;
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = theirs.handler;
    action.sa_flags = (int)(theirs.flags & ~0x04000000UL); /* SA_RESTORER is libc's business */
    memcpy(&action.sa_mask, &theirs.mask, sizeof(theirs.mask));
    /*
     * By libc's sigaction, outside the shim: it knows the restorer that the
     * kernel wants.
     * SA_NODEFER: a touch in a handler of the program may fault again.
     */
    real.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART;
    sigemptyset(&real.sa_mask);
    ps_guard_enter();
    result = sigaction(SIGSEGV, &real, NULL);
    ps_guard_leave();
    is_installed = result == 0;
    return result;
}

int ps_segv_install(void (*handler)(int, siginfo_t *, void *))
{
    uint64_t mask;
    int result;

    ps_lock(&ps_action_lock, &mask);
    result = install(handler);
    ps_unlock(&ps_action_lock, &mask);
    if (result == 0)
        unblock();
    return result;
}

void ps_segv_program_action(const struct sigaction *to, struct sigaction *from)
{
    uint64_t mask;

    ps_lock(&ps_action_lock, &mask);
    if (from != NULL)
        *from = action;
    if (to != NULL)
        action = *to;
    ps_unlock(&ps_action_lock, &mask);
}

/* The default: put it in force and return; the instruction faults again and ends the program. */
static void default_action(const siginfo_t *info)
{
    struct kernel_action standard = {NULL, 0, NULL, 0};

    kernel_sigaction(SIGSEGV, &standard, NULL);
    if (info->si_code <= 0) { /* sent, not faulted: it won't come again by itself */
        sys_call3(SYS_tgkill, sys_getpid(), sys_gettid(), SIGSEGV);
    }
}

void ps_segv_chain(int number, siginfo_t *info, void *context)
{
    struct sigaction to;
    uint64_t mask, set, lock_mask;

    ps_lock(&ps_action_lock, &lock_mask);
    to = action;
    if (to.sa_flags & SA_RESETHAND) {
        action.sa_handler = SIG_DFL;
        action.sa_flags = 0;
    }
    ps_unlock(&ps_action_lock, &lock_mask);
    if (!(to.sa_flags & SA_SIGINFO) &&
        (to.sa_handler == SIG_DFL || (to.sa_handler == SIG_IGN && info->si_code > 0))) {
        default_action(info);
        return;
    }
    if (!(to.sa_flags & SA_SIGINFO) && to.sa_handler == SIG_IGN)
        return;
    memcpy(&set, &to.sa_mask, sizeof(set));
    set &= ~SEGV_BIT; /* a lazy page may be touched in there */
    sys_sigmask(SIG_BLOCK, &set, &mask);
    if (to.sa_flags & SA_SIGINFO)
        to.sa_sigaction(number, info, context);
    else
        to.sa_handler(number);
    sys_sigmask(SIG_SETMASK, &mask, NULL);
}

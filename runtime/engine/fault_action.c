/* fault_action.c: see fault_action.h. Runs in a signal handler: the rules of segv.c hold. */
#include "engine/fault_action.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <ucontext.h>

#include "base/guard.h"
#include "base/lock.h"
#include "base/sys.h"

/* The kernel's struct, which libc's sigaction() would hide behind the shim. */
struct kernel_action {
    void (*handler)(int, siginfo_t *, void *);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

/* Protects actions: a sigaction in one thread against a fault in another; and who takes a signal.
 */
struct ps_lock ps_action_lock = PS_LOCK(PS_RANK_ACTION);
static struct sigaction actions[2]; /* the program's, of SIGSEGV and SIGBUS */
static _Atomic uint64_t taken;      /* of them, as bits of a mask */

static struct sigaction *action_of(int number)
{
    return &actions[number == SIGBUS];
}

static uint64_t bit(int number)
{
    return UINT64_C(1) << (number - 1);
}

uint64_t ps_action_taken(void)
{
    return atomic_load_explicit(&taken, memory_order_relaxed);
}

bool ps_action_is_taken(int number)
{
    return (number == SIGSEGV || number == SIGBUS) && (ps_action_taken() & bit(number)) != 0;
}

static int kernel_sigaction(int number, const struct kernel_action *to, struct kernel_action *from)
{
    return (int)sys_call6(SYS_rt_sigaction, number, (long)to, (long)from, 8, 0, 0);
}

/*
 * A fault while its signal is blocked ends the program. From now on the shim
 * lets nobody block it; here goes what was blocked before, as far as it can be
 * reached: by this thread, and by the program's handlers of other signals.
 */
static void unblock(int number)
{
    const uint64_t set = bit(number);

    sys_sigmask(SIG_UNBLOCK, &set, NULL);
    for (int handled = 1; handled <= 64; handled++) {
        struct kernel_action other;
        if (ps_action_is_taken(handled) || kernel_sigaction(handled, NULL, &other) < 0 ||
            !(other.mask & set))
            continue;
        other.mask &= ~set;
        kernel_sigaction(handled, &other, NULL);
    }
}

/* With the lock: of two threads that take it, the second must not find the first's handler. */
static int take(int number, void (*handler)(int, siginfo_t *, void *))
{
    struct kernel_action theirs;
    struct sigaction real = {.sa_sigaction = handler}, *action = action_of(number);
    int result;

    if (ps_action_is_taken(number))
        return 0;
    if (kernel_sigaction(number, NULL, &theirs) < 0)
        return -1;
    memset(action, 0, sizeof(*action));
    action->sa_sigaction = theirs.handler;
    action->sa_flags = (int)(theirs.flags & ~0x04000000UL); /* SA_RESTORER is libc's business */
    memcpy(&action->sa_mask, &theirs.mask, sizeof(theirs.mask));
    /*
     * By libc's sigaction, outside the shim: it knows the restorer that the
     * kernel wants.
     * SA_NODEFER: a touch in a handler of the program may fault again.
     */
    real.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART;
    sigemptyset(&real.sa_mask);
    ps_guard_enter();
    result = sigaction(number, &real, NULL);
    ps_guard_leave();
    if (result == 0)
        atomic_fetch_or(&taken, bit(number));
    return result;
}

int ps_action_take(int number, void (*handler)(int, siginfo_t *, void *))
{
    uint64_t mask;
    int result;

    ps_lock(&ps_action_lock, &mask);
    result = take(number, handler);
    ps_unlock(&ps_action_lock, &mask);
    if (result == 0)
        unblock(number);
    return result;
}

void ps_action_program(int number, const struct sigaction *to, struct sigaction *from)
{
    uint64_t mask;

    ps_lock(&ps_action_lock, &mask);
    if (from != NULL)
        *from = *action_of(number);
    if (to != NULL)
        *action_of(number) = *to;
    ps_unlock(&ps_action_lock, &mask);
}

/*
 * The default: put it in force and return; the instruction faults again and
 * ends the program. But for a failed page that was healed meanwhile, so the
 * signal counts as not taken: the next PS_TRY takes it again.
 */
static void default_action(int number, const siginfo_t *info)
{
    struct kernel_action standard = {NULL, 0, NULL, 0};

    kernel_sigaction(number, &standard, NULL);
    if (number == SIGBUS)
        atomic_fetch_and(&taken, ~bit(number));
    if (info->si_code <= 0) { /* sent, not faulted: it won't come again by itself */
        sys_call3(SYS_tgkill, sys_getpid(), sys_gettid(), number);
    }
}

void ps_action_chain(int number, siginfo_t *info, void *context)
{
    struct sigaction *action = action_of(number), to;
    uint64_t mask, set, lock_mask;

    ps_lock(&ps_action_lock, &lock_mask);
    to = *action;
    if (to.sa_flags & SA_RESETHAND) {
        action->sa_handler = SIG_DFL;
        action->sa_flags = 0;
    }
    ps_unlock(&ps_action_lock, &lock_mask);
    if (!(to.sa_flags & SA_SIGINFO) &&
        (to.sa_handler == SIG_DFL || (to.sa_handler == SIG_IGN && info->si_code > 0))) {
        default_action(number, info);
        return;
    }
    if (!(to.sa_flags & SA_SIGINFO) && to.sa_handler == SIG_IGN)
        return;
    memcpy(&set, &to.sa_mask, sizeof(set));
    set &= ~ps_action_taken(); /* a lazy page may be touched in there */
    sys_sigmask(SIG_BLOCK, &set, &mask);
    if (to.sa_flags & SA_SIGINFO)
        to.sa_sigaction(number, info, context);
    else
        to.sa_handler(number);
    sys_sigmask(SIG_SETMASK, &mask, NULL);
}

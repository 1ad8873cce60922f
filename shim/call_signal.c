/*
 * call_signal.c: SIGSEGV with the segv engine, SIGBUS with PS_TRY
 *
 * The program's action is kept behind libps's, and the signal is never blocked:
 * a touch of lazy memory while it is blocked would end the program. What libps
 * has not taken goes to libc unchanged.
 */
#include <signal.h>
#include <string.h>

#include "base/sys.h"
#include "hook.h"
#include "preload.h"
#include "real.h"

static bool is_ours(int number)
{
    return ps_action_is_taken(number) && !ps_guard_held();
}

/* The signals that the program may not block, as bits of a mask. */
static uint64_t ours(void)
{
    return ps_guard_held() ? 0 : ps_action_taken();
}

static void leave_out(sigset_t *set)
{
    if (is_ours(SIGSEGV))
        sigdelset(set, SIGSEGV);
    if (is_ours(SIGBUS))
        sigdelset(set, SIGBUS);
}

HOOK(int, sigaction, (int number, const struct sigaction *action, struct sigaction *old))
{
    struct sigaction without;

    if (ours() == 0)
        return REAL(sigaction)(number, action, old);
    if (is_ours(number)) {
        struct sigaction copy, before;
        if (action != NULL)
            copy = *action;
        ps_action_program(number, action != NULL ? &copy : NULL, &before);
        if (old != NULL)
            *old = before;
        return 0;
    }
    if (action != NULL) { /* its handler may touch lazy memory too */
        without = *action;
        leave_out(&without.sa_mask);
        action = &without;
    }
    return REAL(sigaction)(number, action, old);
}
ALIAS(int, __sigaction, sigaction, (int, const struct sigaction *, struct sigaction *));

/* The older calls set a handler, with flags that their name stands for, and return the old one. */
static void *set_handler(int number, void *handler, int flags)
{
    struct sigaction action, old;

    memset(&action, 0, sizeof(action));
    action.sa_handler = (void (*)(int))(uintptr_t)handler;
    action.sa_flags = flags;
    /* there is no "hold": it is not blocked here */
    ps_action_program(number, (uintptr_t)handler == (uintptr_t)SIG_HOLD ? NULL : &action, &old);
    return (void *)(uintptr_t)old.sa_handler;
}

HOOK(void *, signal, (int number, void *handler))
{
    if (!is_ours(number))
        return REAL(signal)(number, handler);
    return set_handler(number, handler, SA_RESTART);
}
ALIAS(void *, bsd_signal, signal, (int, void *));
ALIAS(void *, ssignal, signal, (int, void *));

HOOK(void *, sysv_signal, (int number, void *handler))
{
    if (!is_ours(number))
        return REAL(sysv_signal)(number, handler);
    return set_handler(number, handler, (int)(SA_RESETHAND | SA_NODEFER));
}
ALIAS(void *, __sysv_signal, sysv_signal, (int, void *));

HOOK(void *, sigset, (int number, void *handler))
{
    if (!is_ours(number))
        return REAL(sigset)(number, handler);
    return set_handler(number, handler, 0);
}

/* A set that is to be blocked, without what may not be. */
static const sigset_t *allowed(int how, const sigset_t *set, sigset_t *copy)
{
    if (set == NULL || how == SIG_UNBLOCK || ours() == 0)
        return set;
    *copy = *set;
    leave_out(copy);
    return copy;
}

HOOK(int, sigprocmask, (int how, const sigset_t *set, sigset_t *old))
{
    sigset_t copy;

    return REAL(sigprocmask)(how, allowed(how, set, &copy), old);
}

HOOK(int, pthread_sigmask, (int how, const sigset_t *set, sigset_t *old))
{
    sigset_t copy;

    return REAL(pthread_sigmask)(how, allowed(how, set, &copy), old);
}

/* The calls that know the first 31 signals only. */
static int allowed_bits(int mask)
{
    return mask & ~(int)ours();
}

HOOK(int, sigsetmask, (int mask))
{
    return REAL(sigsetmask)(allowed_bits(mask));
}

HOOK(int, sigblock, (int mask))
{
    return REAL(sigblock)(allowed_bits(mask));
}

HOOK(int, sighold, (int number))
{
    return is_ours(number) ? 0 : REAL(sighold)(number);
}

/*
 * call_signal.c: SIGSEGV with the segv engine
 *
 * The program's action is kept behind libps's, and SIGSEGV is never blocked: a
 * touch of lazy memory while it is blocked would end the program. Without the
 * segv engine all goes to libc unchanged.
 */
#include <signal.h>
#include <string.h>

#include "base/sys.h"
#include "hook.h"
#include "preload.h"
#include "real.h"

static bool is_ours(void)
{
    return ps_preload_segv() && !ps_guard_held();
}

HOOK(int, sigaction, (int number, const struct sigaction *action, struct sigaction *old))
{
    struct sigaction without;

    if (!is_ours())
        return REAL(sigaction)(number, action, old);
    if (number == SIGSEGV) {
        struct sigaction copy, before;
        if (action != NULL)
            copy = *action;
        ps_segv_program_action(action != NULL ? &copy : NULL, &before);
        if (old != NULL)
            *old = before;
        return 0;
    }
    if (action != NULL) { /* its handler may touch lazy memory too */
        without = *action;
        sigdelset(&without.sa_mask, SIGSEGV);
        action = &without;
    }
    return REAL(sigaction)(number, action, old);
}
ALIAS(int, __sigaction, sigaction, (int, const struct sigaction *, struct sigaction *));

/* The older calls set a handler, with flags that their name stands for, and return the old one. */
static void *set_handler(void *handler, int flags)
{
    struct sigaction action, old;

    memset(&action, 0, sizeof(action));
    action.sa_handler = (void (*)(int))(uintptr_t)handler;
    action.sa_flags = flags;
    /* there is no "hold": SIGSEGV is not blocked here */
    ps_segv_program_action((uintptr_t)handler == (uintptr_t)SIG_HOLD ? NULL : &action, &old);
    return (void *)(uintptr_t)old.sa_handler;
}

HOOK(void *, signal, (int number, void *handler))
{
    if (number != SIGSEGV || !is_ours())
        return REAL(signal)(number, handler);
    return set_handler(handler, SA_RESTART);
}
ALIAS(void *, bsd_signal, signal, (int, void *));
ALIAS(void *, ssignal, signal, (int, void *));

HOOK(void *, sysv_signal, (int number, void *handler))
{
    if (number != SIGSEGV || !is_ours())
        return REAL(sysv_signal)(number, handler);
    return set_handler(handler, (int)(SA_RESETHAND | SA_NODEFER));
}
ALIAS(void *, __sysv_signal, sysv_signal, (int, void *));

HOOK(void *, sigset, (int number, void *handler))
{
    if (number != SIGSEGV || !is_ours())
        return REAL(sigset)(number, handler);
    return set_handler(handler, 0);
}

/* A set that is to be blocked, without SIGSEGV. */
static const sigset_t *allowed(int how, const sigset_t *set, sigset_t *copy)
{
    if (set == NULL || how == SIG_UNBLOCK || !is_ours() || !sigismember(set, SIGSEGV))
        return set;
    *copy = *set;
    sigdelset(copy, SIGSEGV);
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
    return is_ours() ? mask & ~(1 << (SIGSEGV - 1)) : mask;
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
    return number == SIGSEGV && is_ours() ? 0 : REAL(sighold)(number);
}

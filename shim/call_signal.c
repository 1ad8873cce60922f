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

HOOK(void *, signal, (int number, void *handler))
{
    struct sigaction action, old;

    if (number != SIGSEGV || !is_ours())
        return REAL(signal)(number, handler);
    memset(&action, 0, sizeof(action));
    action.sa_handler = (void (*)(int))(uintptr_t)handler;
    action.sa_flags = SA_RESTART;
    ps_segv_program_action(&action, &old);
    return (void *)(uintptr_t)old.sa_handler;
}
ALIAS(void *, bsd_signal, signal, (int, void *));
ALIAS(void *, ssignal, signal, (int, void *));

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

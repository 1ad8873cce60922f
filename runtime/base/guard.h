/*
 * guard.h: "this thread is inside libps"
 *
 * While it is set, the shim passes calls straight through: a backend that
 * opens a file must not meet the shim, and the shim must not meet itself.
 */
#ifndef PS_GUARD_H
#define PS_GUARD_H

/* initial-exec: no allocation and no call on access, also in a signal handler */
extern __thread int ps_guard_depth __attribute__((tls_model("initial-exec")));

static inline void ps_guard_enter(void)
{
    ps_guard_depth++;
}

static inline void ps_guard_leave(void)
{
    ps_guard_depth--;
}

static inline int ps_guard_held(void)
{
    return ps_guard_depth != 0;
}

#endif

/*
 * hook.h: how the shim's functions get libc's names
 *
 * A hook is written under a name of its own and bound to libc's by an assembler
 * label, so that libc's headers, which rename and inline many of these, can
 * neither clash with it nor change it.
 *
 * RULES of every hook:
 *   - a call that has nothing to do with a proxy goes to libc unchanged
 *   - errno after success is what it was before
 *   - inside the guard (a thread of libps, or a backend) it does nothing at all
 *   - nothing of malloc's, no stdio: it may run in a signal handler or under any
 *     lock. What an open needs is mapped (runtime/preload.c); and the first proxy
 *     of a process starts a worker, which allocates
 */
#ifndef PS_HOOK_H
#define PS_HOOK_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/guard.h"

#define PS_EXPORT __attribute__((visibility("default"), used))

/* HOOK(int, close, (int fd)) { ... } defines libc's close */
#define HOOK(type, name, parameters)                                                               \
    PS_EXPORT type ps_hook_##name parameters __asm__(#name);                                       \
    PS_EXPORT type ps_hook_##name parameters

/* ALIAS(int, open64, open, (const char *, int, ...)): another name of a hook */
#define ALIAS(type, name, of, parameters)                                                          \
    PS_EXPORT type ps_hook_##name parameters __asm__(#name) __attribute__((alias(#of)))

/* The kernel's result, as libc gives it. */
static inline long ps_result(long result)
{
    if (result >= 0 || result < -4095)
        return result;
    errno = (int)-result;
    return -1;
}

#endif

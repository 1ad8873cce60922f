/*
 * segv_action.h: who handles SIGSEGV
 *
 * With the segv engine libps is the first to be asked. What the program sets
 * with sigaction is kept here, reported back to it as if it were in force, and
 * called for every fault that is not libps's.
 */
#ifndef PS_SEGV_ACTION_H
#define PS_SEGV_ACTION_H

#include <signal.h>
#include <stdint.h>

/* ps_segv_install: handle SIGSEGV; what was set before becomes the program's action. May be called
 * again, and by several threads. -1: errno says why not. */
int ps_segv_install(void (*handler)(int, siginfo_t *, void *));

/* ps_segv_program_action: the program's sigaction(SIGSEGV): either may be NULL. By the shim. */
void ps_segv_program_action(const struct sigaction *action, struct sigaction *old);

/* ps_segv_chain: do what the program set. Safe in a handler. */
void ps_segv_chain(int number, siginfo_t *info, void *context);

#endif

/*
 * fault_action.h: who handles SIGSEGV and SIGBUS
 *
 * With the segv engine libps is the first to be asked for SIGSEGV, and with
 * PS_TRY for SIGBUS. What the program sets with sigaction is kept here then,
 * reported back to it as if it were in force, and called for every fault that
 * is not libps's.
 */
#ifndef PS_FAULT_ACTION_H
#define PS_FAULT_ACTION_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * ps_action_take: handle SIGSEGV or SIGBUS; what was set before becomes the program's action
 *
 * And nobody blocks the signal any more: where it is blocked, a fault ends the program. May be
 * called again, and by several threads. -1: errno says why not.
 */
int ps_action_take(int number, void (*handler)(int, siginfo_t *, void *));

/* ps_action_is_taken: any other signal is not. Safe in a handler. */
bool ps_action_is_taken(int number);

/* ps_action_taken: the signals that are, as bits of the kernel's mask. Safe in a handler. */
uint64_t ps_action_taken(void);

/* ps_action_program: the program's sigaction of one that is taken: either may be NULL. By the shim.
 */
void ps_action_program(int number, const struct sigaction *action, struct sigaction *old);

/* ps_action_chain: do what the program set. Safe in a handler. */
void ps_action_chain(int number, siginfo_t *info, void *context);

#endif

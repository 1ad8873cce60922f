/*
 * hold.h: libps's own descriptors, kept out of the program's way
 *
 * They live near the top of the descriptor table, close-on-exec. The shim asks
 * ps_hold_has before it lets the program close or replace a descriptor: a
 * userfaultfd that a daemon's "close everything" loop closes would turn every
 * page that is not here yet into zeros.
 */
#ifndef PS_HOLD_H
#define PS_HOLD_H

#include <stdbool.h>

/*
 * ps_hold: move fd up and remember it as libps's own
 *
 * Returns the new number, or a negative errno; fd is closed either way.
 * inherit: children keep it over exec.
 */
int ps_hold(int fd, bool inherit);

/* ps_hold_inherited: one that another process of libps has left open for this one, where it is */
void ps_hold_inherited(int fd);

/* ps_unhold: close one of libps's own */
void ps_unhold(int fd);

/* ps_hold_has: is fd libps's own? */
bool ps_hold_has(int fd);

/* ps_hold_next: the lowest of libps's own that is >= fd, or -1 */
int ps_hold_next(int fd);

#endif

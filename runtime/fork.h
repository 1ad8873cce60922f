/* fork.h: what libps does around the program's fork */
#ifndef PS_FORK_H
#define PS_FORK_H

#include <stdbool.h>

/*
 * ps_fork_prepare, _parent, _child: for pthread_atfork
 *
 * prepare takes every lock in the order of their ranks, so that the child gets
 * nothing that another thread was in the middle of. child starts the engine
 * again on the inherited lazy memory before any other code of the child runs.
 */
void ps_fork_prepare(void);
void ps_fork_parent(void);
void ps_fork_child(void);

/* ps_fork_begin: this process is the one that libps's memory belongs to. By the constructor. */
void ps_fork_begin(void);

/*
 * ps_fork_lent: 1 once the program made a process that runs in this one's memory
 *
 * Set by the shim before it does. Without it ps_fork_at_home need not ask the kernel.
 */
extern unsigned char ps_fork_lent;

/*
 * ps_fork_at_home: is this the process that libps's memory belongs to?
 *
 * A vforked child runs in its parent's memory, with descriptors of its own:
 * what it did there would be believed by the parent. Safe in a handler.
 */
bool ps_fork_at_home(void);

#endif

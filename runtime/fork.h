/* fork.h: what libps does around the program's fork */
#ifndef PS_FORK_H
#define PS_FORK_H

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

#endif

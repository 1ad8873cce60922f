/* process.h: a fork made by a system call */
#ifndef PS_PROCESS_H
#define PS_PROCESS_H

/* ps_process_prepare, _child: ps_fork_prepare and ps_fork_child, with what the shim does there */
void ps_process_prepare(void);
void ps_process_child(void);

/* ps_process_fork: run a function that forks, with what libps does around a fork */
long ps_process_fork(long (*fork_now)(void *argument), void *argument);

/* ps_process_lend: a clone with these flags is made: does its child run in this memory? */
void ps_process_lend(unsigned long flags);

#endif

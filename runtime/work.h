/*
 * work.h: the worker threads
 *
 * All talk with stores that a program's touch or call sets off happens on
 * these threads: they have ordinary stacks, hold none of the program's locks,
 * block all signals, and are inside the guard (guard.h). They begin with the
 * first proxy and never end; a forked child begins its own.
 */
#ifndef PS_WORK_H
#define PS_WORK_H

#include <stdbool.h>

#include <ps/error.h>

/* ps_work_start: make sure that this process has a worker. Not in a handler. */
int ps_work_start(struct ps_error *err);

/* ps_work_wake: requests were queued. Safe in a handler. */
void ps_work_wake(unsigned requests);

/*
 * ps_work_call: run a function on a worker, and wait for its result
 *
 * For calls of the program, such as open, that must ask a store, load a module
 * or read the configuration.
 */
int ps_work_call(int (*function)(void *argument), void *argument, struct ps_error *err);

/* ps_work_thread: start a thread of libps: detached, all signals blocked. body begins with
 * ps_guard_enter. */
int ps_work_thread(void *(*body)(void *), void *argument, struct ps_error *err);

/* ps_work_fork_child: the threads are the parent's; has_maps: start one now, touches will need it
 */
void ps_work_fork_child(bool has_maps);

#endif

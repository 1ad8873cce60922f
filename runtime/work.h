/*
 * work.h: the worker threads
 *
 * All talk with stores that a program's touch or call sets off happens on
 * these threads: they have ordinary stacks, hold none of the program's locks,
 * block all signals, and are inside the guard (guard.h). They begin with the
 * first proxy, and end where a program has got the files of stores themselves
 * only; a forked child begins its own.
 */
#ifndef PS_WORK_H
#define PS_WORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ps/error.h>

/* ps_work_start: make sure that this process has a worker. Not in a handler. */
int ps_work_start(struct ps_error *err);

/*
 * ps_work_hold, _unhold: a worker that is there, or comes, does not end in between
 *
 * For those who look into /proc by its number, and for memory that is lent to a
 * process which can't start one. Who jumps out in between has it stay for good.
 */
void ps_work_hold(void);
void ps_work_unhold(void);

/* ps_work_check: an error where this process has none, as when a child of a fork can't start a
 * thread. Safe in a handler. */
int ps_work_check(struct ps_error *err);

/* ps_work_wake: requests were queued. Safe in a handler. */
void ps_work_wake(unsigned requests);

/* ps_work_allow: from now on there may be so many workers, if it were fewer before. Safe in a
 * handler. */
void ps_work_allow(uint32_t most);

/* A call for a worker: the first member of a struct with what goes in and comes out. */
struct ps_call {
    int (*function)(struct ps_call *call);
    int result;
    _Atomic uint32_t done;
    struct ps_call *next;
};

/*
 * ps_work_call: run a function on a worker, and wait for its result
 *
 * For calls that must ask a store, load a module or read the configuration. On
 * the program's own thread these would run inside the guard, where a signal
 * handler's read of an image meets no shim, and with the program's locks held.
 *
 * A call that the program makes by a function that handlers may leave by
 * siglongjmp (open, read) must not be on the stack, nor point to it: its worker
 * would write to what is something else by then. Such memory is never released.
 * err: where no worker can be had.
 */
int ps_work_call(struct ps_call *call, int (*function)(struct ps_call *call), struct ps_error *err);

/*
 * ps_work_queue: the same, but wait for nothing: done is set when the function has returned
 *
 * False: there is no worker, and none is started. Safe in a handler.
 */
bool ps_work_queue(struct ps_call *call, int (*function)(struct ps_call *call));

/* ps_work_memory: zeroed memory for a call, or NULL; sys_munmap releases it. Safe in a handler. */
void *ps_work_memory(size_t size);

/* ps_work_thread: start a thread of libps: detached, all signals blocked. body begins with
 * ps_guard_enter. */
int ps_work_thread(void *(*body)(void *), void *argument, struct ps_error *err);

/* ps_work_fork_child: the threads are the parent's; has_maps: start one now, touches will need it
 */
void ps_work_fork_child(bool has_maps);

#endif

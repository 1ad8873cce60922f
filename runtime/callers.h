/*
 * callers.h: the names of the functions that were at work where a failure is reported
 *
 * The module libps-unwind.so knows them, and needs memory, files and locks of
 * libraries, one of which the toucher may hold, or have interrupted. So a worker
 * opens it and asks it, while the toucher sleeps, and the toucher waits for no
 * more than PS_CALLERS_MS: the line is then printed without names, as it is
 * without the module.
 */
#ifndef PS_CALLERS_H
#define PS_CALLERS_H

#include <stdbool.h>

#include "../unwind/stack.h"
#include "base/text.h"
#include "work.h"

enum { PS_CALLERS_MS = 5000 };

/*
 * ps_callers: add " in f (a.c:1) from g (b.c:2) from main (c.c:3)"
 *
 * Functions of libc and libps are left out. One that no symbol names is
 * "program+0x12"; if it is the innermost, and placed, the text has its place
 * already. The thread whose registers they are sleeps meanwhile, or is the
 * caller. Safe in a handler; not with a lock of libps, nor on a worker.
 */
void ps_callers(struct ps_text *text, const struct ps_registers *registers, bool placed);

/* What a worker gets and gives; never on a stack, as it may come too late. */
struct ps_callers_call {
    struct ps_call call;
    struct ps_stack stack;
    bool placed;
    char text[448];
};

/* ps_callers_find: the worker's side, in callers_find.c */
int ps_callers_find(struct ps_call *call);

/* ps_callers_fork_child: what the parent's worker has in its hands is never to be had here */
void ps_callers_fork_child(void);

#endif

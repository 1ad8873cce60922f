/*
 * where.h: the functions that a touch came from, for the one line that a failure prints
 *
 * The names come from libunwind, in a module of its own (where/unwind.c) that a
 * worker loads when the first line needs it.
 */
#ifndef PS_WHERE_H
#define PS_WHERE_H

#include <stdbool.h>
#include <ucontext.h>

#include "base/text.h"

/*
 * ps_where: add the names, as " in f+0x12 (module), g+0x3c"; false: not known, and nothing is added
 *
 * context: the registers of a thread that waits meanwhile. Waits itself, but
 * not for long, as that thread may hold a lock that the loader needs. Safe in
 * a handler.
 */
bool ps_where(struct ps_text *text, const ucontext_t *context);

/*
 * ps_where_blocked: what the kernel tells of a thread of this process that is blocked
 *
 * Its instruction and stack only, so names may end early. False: it does not tell.
 */
bool ps_where_blocked(ucontext_t *context, int thread);

#endif

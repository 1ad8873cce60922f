/*
 * where.h: where a program's code was, for the one line that a failure prints
 *
 * By files of /proc only: nothing of the program's is read, no lock is needed
 * that its threads may hold, and no descriptor stays. So there are no names of
 * callers: to follow a stack would need all of that.
 */
#ifndef PS_WHERE_H
#define PS_WHERE_H

#include <stdint.h>

#include "base/text.h"

/*
 * ps_where: add " by the instruction at 0x7f12 (module+0x12)", as addr2line takes it
 *
 * The module is left out where none is mapped there. Safe in a handler.
 */
void ps_where(struct ps_text *text, uintptr_t instruction);

/* ps_where_blocked: the instruction at which a thread of this process is blocked; 0: not known */
uintptr_t ps_where_blocked(int thread);

#endif

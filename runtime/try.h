/*
 * try.h: failed touches that the program takes itself; see <ps/try.h>
 *
 * A page that failed raises SIGBUS in its toucher. Once the program used PS_TRY
 * or ps_on_failure, libps handles it first: it looks up which page it was, and
 * why that failed.
 */
#ifndef PS_RUNTIME_TRY_H
#define PS_RUNTIME_TRY_H

#include <stdbool.h>

/*
 * ps_try_is_entered: is any thread in a block?
 *
 * Then nobody but the toucher's SIGBUS handler knows whether a failure is to be reported.
 */
bool ps_try_is_entered(void);

/* ps_try_fork_child: of the threads in blocks at most this one is left */
void ps_try_fork_child(void);

#endif

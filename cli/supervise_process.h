/*
 * supervise_process.h: the three processes of a supervised program
 *
 * supervise.h says which they are. What psctl hands to its child, and hears of it.
 */
#ifndef SUPERVISE_PROCESS_H
#define SUPERVISE_PROCESS_H

#include <signal.h>

#include "supervise.h"

enum { GIVEN_MAX = 1024 };

/* What the supervisor tells psctl. */
struct report {
    enum { STARTED, ENDED, NOT_STARTED } what;
    int value; /* the program's pid; its status as of wait; an exit status */
};

struct start {
    const char *path;
    char **argv;
    sigset_t mask; /* of psctl, for the program */
    struct sigaction child_action;
    int listens[2]; /* the program says its listener's number, or why there is none */
    int goes_on[2]; /* the supervisor has it, so the program may begin */
    int reports[2];
    int *not_run;                      /* shared: the program could not be run */
    int given[GIVEN_MAX], given_count; /* descriptors behind the standard ones */
};

/* supervisor: in the child of psctl (supervise_process.c) */
_Noreturn void supervisor(struct start *start);

/* --- descriptors that psctl was given (supervise_files.c) ------------------------------ */

/* find_given: note them, before any other is opened */
void find_given(struct start *start);

/*
 * leave_given: close them, but not standard error, which is for reports
 *
 * They are the program's: who waits for the end of a pipe shall not wait for us.
 */
void leave_given(const struct start *start);

/*
 * resolve_given: a proxy file among them becomes its object, as in a program with libps
 *
 * And whole: reads by low numbers are not seen. 0, or a status.
 */
int resolve_given(const struct start *start);

#endif

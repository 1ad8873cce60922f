/*
 * environment.h: libps for programs that are run with a cleaned environment
 *
 * Programs that clean it mean to pass on no settings of their user's; few mean
 * the data. So a program that is given no LD_PRELOAD, or another library's,
 * gets that of this process, and the variables that libps reads. An empty
 * LD_PRELOAD is somebody's word, and left alone. And what a program is told of
 * that inherits a filter of system calls, which exec does not end.
 */
#ifndef PS_ENVIRONMENT_H
#define PS_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

enum { PS_ENVIRONMENT_FEW = 256, PS_ENVIRONMENT_TEXT = 1024 };

struct ps_environment {
    char *few[PS_ENVIRONMENT_FEW];
    char **list;   /* what the program is to be run with */
    size_t mapped; /* bytes, or 0 */
    char preload[PS_ENVIRONMENT_TEXT];
};

/* ps_environment_begin: by the constructor; library: the path of this libps, or NULL */
void ps_environment_begin(const char *library, char *const environment[]);

/* ps_environment_value: of the variable "NAME="; NULL: there is none */
const char *ps_environment_value(char *const environment[], const char *name);

/* ps_environment_lacks: should ps_environment_add be asked for a better one? */
bool ps_environment_lacks(char *const environment[]);

/*
 * ps_environment_add: it with libps, and the word of a filter; false: it can't be done
 *
 * Safe in a vforked child, whose memory is its parent's: nothing is mapped but
 * for very long lists. ps_environment_drop, if the program was not run.
 */
bool ps_environment_add(struct ps_environment *out, char *const environment[]);
void ps_environment_drop(struct ps_environment *environment);

#endif

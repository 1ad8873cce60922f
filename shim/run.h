/*
 * run.h: what is done before a program is run in the place of this one, or beside it
 *
 * A program with libps goes on with the images that it inherits as they are.
 * One without it would read their holes: for that they are made whole first,
 * and where that can't be, it is not run (EIO). Below psctl run, one that can't
 * have libps is run by psctl, which supervises it: for the proxies that it opens
 * itself. One whose environment was cleaned gets libps again. All of it is safe in a handler and in
 * a vforked child.
 */
#ifndef PS_RUN_H
#define PS_RUN_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "environment.h"

enum { PS_FEW_ARGUMENTS = 128 };

/*
 * Room for arguments and their NULL. Memory that a vforked child maps stays its
 * parent's, so it is for very long lists only.
 */
struct ps_arguments {
    char *few[PS_FEW_ARGUMENTS];
    char **argv;
    size_t mapped; /* bytes, or 0 */
};

/* ps_arguments_begin: room for count of them and a NULL; false: there is no memory */
bool ps_arguments_begin(struct ps_arguments *arguments, size_t count);
void ps_arguments_end(struct ps_arguments *arguments);

/* Too much for small stacks: for those who have something to prepare only */
struct ps_run_room {
    struct ps_arguments arguments; /* the supervisor's, when there is one */
    struct ps_environment environment;
    char found[PATH_MAX];
};

/*
 * ps_run_psctl: the arguments by which psctl runs path, which sees argv
 *
 * false: there is no memory
 */
bool ps_run_psctl(struct ps_arguments *arguments, const char *psctl, const char *path,
                  char *const argv[]);

struct ps_run {
    const char *call;
    const char *path;
    int dir;           /* where path begins */
    bool searches;     /* path is a name, which PATH leads to a file */
    char *const *argv; /* NULL: it can't be supervised, as psctl may not find it by its path */
    char *const *environment;
    bool has_own; /* environment: libc will give it that of this process, as it is */
    bool acts;    /* by file actions it may get copies of descriptors, and another folder */

    /* by ps_run_is_plain */
    bool is_bad; /* a pointer of the caller's: EFAULT is the kernel's to say */
    bool lacks;  /* something should be added to the environment */
    bool any;    /* there may be images */
    /* by ps_run_prepare */
    struct ps_run_room *room; /* NULL: there is nothing to prepare */
    const char *supervisor;   /* the psctl that is to be run instead, by its path, or NULL */
};

/* ps_run_is_plain: is nothing to be done before it? Else ps_run_prepare comes next */
bool ps_run_is_plain(struct ps_run *run);

/*
 * ps_run_prepare: 0, and then ps_run_end after the call; or an errno
 *
 * environment may be another one then.
 */
int ps_run_prepare(struct ps_run *run, struct ps_run_room *room);
void ps_run_end(struct ps_run *run);

/*
 * ps_run_proxy: after one of them, the program that path is the proxy of, as a descriptor
 *
 * environment may be another one then. 0: supervisor is to be run instead, and
 * gets the program itself. -ENOEXEC: it is no proxy; or another negative errno.
 */
int ps_run_proxy(struct ps_run *run);

/* ps_run_ready: all of it, before a function of libc's that fails by errno and has_own */
bool ps_run_ready(struct ps_run *run);

#endif

/*
 * look.h: looking into a file that the program may have locked
 *
 * Whoever closes a descriptor of a file takes off all locks that fcntl and lockf
 * made on it for this process, by whichever descriptor. So a look opens no file
 * that the program may have locked: it reads by the descriptor that made the
 * lock, which is open as long as there is one. All of it is safe in a handler.
 */
#ifndef PS_LOOK_H
#define PS_LOOK_H

#include <stdbool.h>
#include <stdint.h>

struct ps_look {
    int fd; /* for pread only; it may be the program's, and not open for reading */
    bool is_own;
    int counted; /* in which counter, or -1 */
    uint64_t mask;
};

/*
 * ps_look_begin: a descriptor of the file that dir and path name
 *
 * flags: those of open. 0, and then ps_look_end, until which signals are
 * blocked; or a negative errno.
 */
int ps_look_begin(struct ps_look *look, int dir, const char *path, int flags);
void ps_look_end(struct ps_look *look);

/* ps_look_locks: the program is about to make such a lock by fd. Waits for looks of other threads.
 */
void ps_look_locks(int fd);

/* ps_look_inherited: find the locks that came over exec, which the first look does else */
void ps_look_inherited(void);

/* ps_look_fork_child: the looks of other threads are not the child's */
void ps_look_fork_child(void);

#endif

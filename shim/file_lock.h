/*
 * file_lock.h: locks on the proxy file, for descriptors of its object
 *
 * An image is a file of this process's own, by which nobody else could be kept
 * out. So a lock is taken on the proxy file, by a descriptor of it that libps
 * holds: the locker. There are two kinds:
 *
 *   OPEN      of flock and F_OFD_SETLK, whose locks are those of an open file.
 *             Each of the program's numbers gets one when it first locks; copies
 *             of the number share it, and so do children: it is made before a
 *             fork, and before a program is run. It goes with the last copy.
 *   PROCESS   of F_SETLK and lockf, whose locks are those of the process: one for
 *             all numbers that show the proxy file. The kernel would take such
 *             locks off when libps closes another descriptor of the file, so they
 *             are made as F_OFD_SETLK of a file that only this process has. It
 *             goes with the first number that locked by it, as the kernel has it.
 *
 * A program that is run finds the lockers of what it inherits: on the image,
 * which the program's numbers show, lies a lock far behind its end that says
 * which number its locker has.
 */
#ifndef PS_FILE_LOCK_H
#define PS_FILE_LOCK_H

#include <stdbool.h>

enum ps_locker { PS_LOCKER_OPEN, PS_LOCKER_PROCESS, PS_LOCKERS };

/*
 * ps_file_lock: the descriptor by which fd locks
 *
 * fd itself: it is no view, or its proxy file is not there any more. -ENOLCK: it
 * is not known which it was.
 */
int ps_file_lock(int fd, enum ps_locker kind);

/* ps_file_lock_fcntl: fcntl, with one of its commands for locks */
struct flock;
int ps_file_lock_fcntl(int fd, int command, struct flock *lock);

/* ps_file_lock_closed: fd is closed, or is another file now */
void ps_file_lock_closed(int fd);
void ps_file_lock_copied(int from, int to);

/* ps_file_lock_meet: fd may be closed next: with what locker did this process inherit it? */
void ps_file_lock_meet(int fd);

/*
 * ps_file_lock_share: before a fork, or before a program with libps is run
 *
 * A lock that the child or the program makes is this process's too, as far as
 * it has the descriptor. every: also where it is close-on-exec.
 */
void ps_file_lock_share(bool every);
void ps_file_lock_fork_child(void);

/* ps_file_lock_exec: PROCESS locks go on in the program that takes this one's place; false: not run
 */
void ps_file_lock_exec(bool begins);

#endif

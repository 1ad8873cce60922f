/*
 * locker_mark.h: how a program that is run finds the lockers of what it inherits
 *
 * A lock far behind the end of an image, of the open file that the program's
 * numbers show, says which number the locker has, and a part of its inode. It
 * goes wherever that open file goes. And the locker's own offset says that it
 * is one: nothing else of the program's is where it could not have read to.
 */
#ifndef PS_LOCKER_MARK_H
#define PS_LOCKER_MARK_H

#include "file_lock.h"

/* ps_locker_mark: fd, if it is an image, has this locker from now on */
void ps_locker_mark(int fd, enum ps_locker kind, int locker);

/* Other than 0 ends the visits, and is their result. */
typedef int ps_locker_visit(int fd, enum ps_locker kind, int locker, void *argument);

/* ps_locker_marks: visit all of this process's numbers whose lockers are as they were marked */
void ps_locker_marks(ps_locker_visit *visit, void *argument);

/* ps_locker_is_marked: does fd have that locker? -1: or any */
bool ps_locker_is_marked(int fd, enum ps_locker kind, int locker);

/*
 * ps_locker_lend: a locker for the program that this vforked child runs next
 *
 * Nothing is remembered of it: the memory is the parent's.
 */
void ps_locker_lend(int fd);

#endif

/*
 * file_lock.h: locks on the proxy file, for descriptors of its object
 *
 * An image is a file of this process's own, by which nobody else could be kept
 * out. So a lock is taken on the proxy file, by a descriptor of it that each of
 * the program's numbers gets when it first locks, and copies of it share.
 */
#ifndef PS_FILE_LOCK_H
#define PS_FILE_LOCK_H

/* ps_file_lock: the descriptor by which fd locks; fd itself where there is no other */
int ps_file_lock(int fd);

/* ps_file_lock_fcntl: fcntl, with one of its commands for locks */
struct flock;
int ps_file_lock_fcntl(int fd, int command, struct flock *lock);

/* ps_file_lock_closed: fd is closed, or will be another file; its locks go as the last copy does */
void ps_file_lock_closed(int fd);
void ps_file_lock_copied(int from, int to);

#endif

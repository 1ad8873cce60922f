/*
 * pour.h: bytes into an image, of which no thread ever sees a page of zeros
 *
 * write(2) puts a new page into the file before it has copied all of it: where
 * the kernel takes the source away meanwhile (to another NUMA node, for
 * compaction), it makes the rest zeros, shows the page, and tries again. A
 * thread that touches it in a mapping watched by userfaultfd sees them, as a
 * page that is there raises no fault. A pipe holds the source's pages: what is
 * spliced from one is there as a whole.
 */
#ifndef PS_POUR_H
#define PS_POUR_H

#include <stddef.h>
#include <stdint.h>

/*
 * ps_pour_start: have a pipe, before the first image; 0, or a negative errno
 *
 * By any thread that may open descriptors.
 */
int ps_pour_start(void);

/*
 * ps_pour: write all bytes at offset; 0, or a negative errno
 *
 * After a failure some may be there. Safe in a signal handler, with signals blocked.
 */
int ps_pour(int fd, const char *bytes, size_t size, uint64_t offset);

/* ps_pour_fork_child: the parent's pipes are its own, and so are the threads that wait for them */
void ps_pour_fork_child(void);

#endif

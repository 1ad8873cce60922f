/* queue.h: the kernel's own queues of requests, for syscall(2) */
#ifndef PS_QUEUE_H
#define PS_QUEUE_H

#include <stdbool.h>

/*
 * ps_queue_ring: make an io_uring by a function that gives a negative number where it fails
 *
 * flags: those of its setup. refused: the result where the program has proxies already.
 */
long ps_queue_ring(long (*make)(void *argument), void *argument, unsigned flags, long refused);

/* ps_queue_flags: those of the program's struct io_uring_params */
unsigned ps_queue_flags(const void *params);

/*
 * ps_queue_has_ring: does this process have a ring, whose reads no hook sees?
 *
 * By what the kernel lists: liburing closes rings by calls that no hook sees either.
 */
bool ps_queue_has_ring(void);

struct iocb;

/* ps_queue_submit: io_submit(2), by a function that is given a part of the list */
typedef long ps_submit(unsigned long context, long count, struct iocb **blocks);
long ps_queue_submit(ps_submit *submit, unsigned long context, long count, struct iocb **blocks);

#endif

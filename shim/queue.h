/* queue.h: the kernel's own queues of requests, for syscall(2) */
#ifndef PS_QUEUE_H
#define PS_QUEUE_H

/* ps_queue_ring: make an io_uring by a function that gives a negative number where it fails */
long ps_queue_ring(long (*make)(void *argument), void *argument, long refused);

struct iocb;

/* ps_queue_submit: io_submit(2), by a function that is given a part of the list */
typedef long ps_submit(unsigned long context, long count, struct iocb **blocks);
long ps_queue_submit(ps_submit *submit, unsigned long context, long count, struct iocb **blocks);

#endif

/* filter.h: seccomp(2), for syscall(2) */
#ifndef PS_FILTER_H
#define PS_FILTER_H

/* ps_filter_call: seccomp or prctl, with these arguments; the kernel's result */
long ps_filter_call(long number, const long arguments[5]);

#endif

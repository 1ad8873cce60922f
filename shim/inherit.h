/*
 * inherit.h: images that a program gets which has no libps
 *
 * It would read the holes of an image as zeros. So each image that it inherits is
 * made whole before it runs, and each that goes by a socket before it is sent:
 * who will take it there, nobody knows. All of it is safe in a handler, and in a
 * vforked child.
 */
#ifndef PS_INHERIT_H
#define PS_INHERIT_H

#include <stdbool.h>

struct msghdr;

/*
 * ps_inherit_any: may this process have a descriptor of an image?
 *
 * Also of one that it has inherited itself, and not used yet: nothing is known
 * of it but its link. That there is none is remembered.
 */
bool ps_inherit_any(void);

/* ps_inherit_came: a descriptor came from another process */
void ps_inherit_came(void);

/*
 * ps_inherit_whole: make each image whole that a program gets which is run now
 *
 * every: also those with FD_CLOEXEC, as it may get copies. 0, or -EIO, which
 * has been reported.
 */
int ps_inherit_whole(bool every, const char *call);

/* ps_inherit_sent: the same of each image whose descriptor is in the message */
int ps_inherit_sent(const struct msghdr *message, const char *call);

/*
 * ps_inherit_lend: this memory is about to be lent to a vforked child
 *
 * Which may have to make an image whole, and can't start the worker for it.
 */
void ps_inherit_lend(void);

#endif

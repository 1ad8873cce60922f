/* message.h: buffers of calls, in call_buffer.c */
#ifndef PS_MESSAGE_H
#define PS_MESSAGE_H

#include <stddef.h>
#include <sys/types.h>

struct msghdr;

/*
 * ps_buffer_answer: the result of a call whose buffer may be lazy memory
 *
 * EFAULT is EIO where it comes from that; prot: what the kernel does with the buffer.
 */
ssize_t ps_buffer_answer(ssize_t result, const void *buffer, size_t size, int prot);

/* ps_message_ready: make lazy memory of a message's buffers ready; -1 with errno EIO if it can't be
 */
int ps_message_ready(const struct msghdr *message, const char *call);

#endif

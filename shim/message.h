/* message.h: the buffers of sendmsg and recvmsg */
#ifndef PS_MESSAGE_H
#define PS_MESSAGE_H

struct msghdr;

/* ps_message_ready: make lazy memory of a message's buffers ready; -1 with errno EIO if it can't be
 */
int ps_message_ready(const struct msghdr *message, const char *call);

#endif

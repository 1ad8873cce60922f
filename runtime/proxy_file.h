/* proxy_file.h: is an open file a proxy file? */
#ifndef PS_PROXY_FILE_H
#define PS_PROXY_FILE_H

#include <ps/proxy.h>

/*
 * ps_proxy_probe_fd: read the proxy out of a descriptor
 *
 * fd is readable and of a regular file whose size is known to be
 * PS_PROXY_FILE_SIZE. Its offset is neither used nor moved. Returns 1 with
 * *out filled; 0 for a file that is no proxy (err is untouched); or a negative
 * code for one that begins as a proxy but is malformed, or cannot be read. No
 * allocation.
 */
int ps_proxy_probe_fd(int fd, struct ps_proxy *out, struct ps_error *err);

#endif

/* proxy_file.h: proxy files that are open, whatever their paths have come to lead to since */
#ifndef PS_PROXY_FILE_H
#define PS_PROXY_FILE_H

#include <limits.h>
#include <sys/stat.h>

#include <ps/proxy.h>

/*
 * ps_proxy_folder: the folder of the file that is open, as the kernel knows it
 *
 * fd_path: of its descriptor, in /proc. folder has PATH_MAX bytes, and so has path, the file's own.
 * What may be
 * resolved depends on it, so it is never asked by the file's path: that may
 * lead elsewhere than when the proxy was read.
 */
int ps_proxy_folder(char *folder, char *path, const char *fd_path, struct ps_error *err);

/* What a proxy file is besides its proxy, all of the one file that was opened. */
struct ps_proxy_file {
    char folder[PATH_MAX];
    struct stat st;
};

/* ps_proxy_read_file: as ps_proxy_read; file may be NULL */
int ps_proxy_read_file(struct ps_proxy *out, struct ps_proxy_file *file, const char *path,
                       struct ps_error *err);

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

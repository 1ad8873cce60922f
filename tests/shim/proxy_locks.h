/* proxy_locks.h: who has a lock on a proxy file, as programs without libps see it */
#ifndef PROXY_LOCKS_H
#define PROXY_LOCKS_H

#include "check.h"

#include <sys/file.h>

static const char *name;

/* What a program without libps sees */
static inline int raw_open(void)
{
    return (int)raw_call(SYS_openat, AT_FDCWD, (long)px(name), O_RDONLY, 0, 0, 0);
}

static inline int raw_flock_is_free(void)
{
    int fd = raw_open();
    long result = raw_call(SYS_flock, fd, LOCK_EX | LOCK_NB, 0, 0, 0, 0);

    CHECK(raw_call(SYS_close, fd, 0, 0, 0, 0, 0) == 0);
    CHECK(result == 0 || result == -EWOULDBLOCK);
    return result == 0;
}

enum { OPEN_FILE = -1 }; /* what is said of a lock of an open file, as libps makes them */

/* Who holds a read lock on that byte, by the kernel's word to another process; 0: nobody */
static inline pid_t reader_at(off_t offset)
{
    int answer[2];
    pid_t child, reader;

    CHECK(pipe(answer) == 0);
    child = fork();
    if (child == 0) {
        struct flock lock = {.l_type = F_WRLCK, .l_start = offset, .l_len = 1};
        CHECK(raw_call(SYS_fcntl, raw_open(), F_GETLK, (long)&lock, 0, 0, 0) == 0);
        reader = lock.l_type == F_UNLCK ? 0 : lock.l_pid;
        CHECK(write(answer[1], &reader, sizeof(reader)) == sizeof(reader));
        _exit(0);
    }
    CHECK(read(answer[0], &reader, sizeof(reader)) == sizeof(reader));
    reap(child);
    CHECK(close(answer[0]) == 0 && close(answer[1]) == 0);
    return reader;
}

#endif

/* locks.c: a lock on a proxied descriptor keeps others out, as a lock on any file does */
#include "check.h"

#include <sys/file.h>

static const char *name;

/* What a program without libps sees */
static int raw_open(void)
{
    return (int)raw_call(SYS_openat, AT_FDCWD, (long)px(name), O_RDONLY, 0, 0, 0);
}

static int raw_flock_is_free(void)
{
    int fd = raw_open();
    long result = raw_call(SYS_flock, fd, LOCK_EX | LOCK_NB, 0, 0, 0, 0);

    CHECK(raw_call(SYS_close, fd, 0, 0, 0, 0, 0) == 0);
    CHECK(result == 0 || result == -EWOULDBLOCK);
    return result == 0;
}

static void by_flock(void)
{
    int fd = open_px(name), other = open_px(name), copy;
    pid_t child;

    CHECK(raw_flock_is_free());
    CHECK(flock(fd, LOCK_EX) == 0 && !raw_flock_is_free());
    FAILS(flock(other, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    CHECK(flock(fd, LOCK_UN) == 0 && raw_flock_is_free());
    CHECK(flock(other, LOCK_EX | LOCK_NB) == 0 && syscall(SYS_flock, other, LOCK_UN) == 0);
    /* by whichever copy; it goes with the last */
    copy = dup(fd);
    CHECK(flock(copy, LOCK_EX) == 0 && flock(copy, LOCK_UN) == 0);
    CHECK(flock(fd, LOCK_EX) == 0 && dup2(fd, copy) == copy && close(fd) == 0);
    CHECK(!raw_flock_is_free());
    child = fork();
    if (child == 0) {
        CHECK(close(copy) == 0);
        _exit(raw_flock_is_free());
    }
    reap(child);
    CHECK(!raw_flock_is_free());
    CHECK(close(copy) == 0 && raw_flock_is_free());
    /* the number is another file's now */
    CHECK(open(tmp("plain"), O_RDWR | O_CREAT, 0600) == fd && flock(fd, LOCK_EX) == 0);
    CHECK(raw_flock_is_free() && close(fd) == 0);
}

/* Who holds a read lock on that byte, by the kernel's word to another process; 0: nobody */
static pid_t reader_at(off_t offset)
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

static void by_fcntl(void)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 10};
    struct flock end = {.l_type = F_RDLCK, .l_whence = SEEK_END, .l_start = -10, .l_len = 5};
    struct flock here = {.l_type = F_RDLCK, .l_whence = SEEK_CUR, .l_start = 7, .l_len = 1};
    struct flock all = {.l_type = F_UNLCK};
    int fd = open_px(name);

    CHECK(fcntl(fd, F_SETLK, &lock) == 0);
    CHECK(reader_at(109) == getpid() && reader_at(110) == 0);
    CHECK(fcntl(fd, F_SETLKW, &end) == 0);
    CHECK(reader_at(SMALL - 10) == getpid() && reader_at(SMALL - 5) == 0);
    CHECK(lseek(fd, 5000, SEEK_SET) == 5000 && syscall(SYS_fcntl, fd, F_SETLK, &here) == 0);
    CHECK(reader_at(5007) == getpid());
    here.l_type = F_WRLCK;
    CHECK(fcntl(fd, F_GETLK, &here) == 0 && here.l_type == F_UNLCK); /* its own is none */
    here.l_type = F_WRLCK;
    FAILS(fcntl(fd, F_SETLK, &here), EBADF);
    FAILS(fcntl(fd, F_SETLK, NULL), EFAULT);
    CHECK(fcntl(fd, F_SETLK, &all) == 0 && reader_at(109) == 0);
}

static void by_lockf(void)
{
    int fd = open_px(name);

    CHECK(lockf(fd, F_TEST, 0) == 0 && lockf(fd, F_ULOCK, 0) == 0);
    FAILS(lockf(fd, F_TLOCK, 0), EBADF); /* it is open for reading */
    FAILS(lockf(fd, 99, 0), EINVAL);
}

/* Closing it takes the process's locks off. */
static void closed(void)
{
    struct flock lock = {.l_type = F_RDLCK};
    int fd = open_px(name);
    FILE *stream = fopen(px(name), "r");

    CHECK(fcntl(fd, F_SETLK, &lock) == 0 && reader_at(0) == getpid());
    CHECK(close(fd) == 0 && reader_at(0) == 0);
    CHECK(fcntl(fileno(stream), F_OFD_SETLK, &lock) == 0 && reader_at(0) == -1);
    CHECK(fclose(stream) == 0 && reader_at(0) == 0);
}

/* What closes nothing takes off no lock. */
static void not_closed(void)
{
    int fd = open_px(name);

    CHECK(flock(fd, LOCK_EX) == 0);
    FAILS(dup2(999, fd), EBADF);
    FAILS(dup3(fd, fd, 0), EINVAL);
    FAILS(dup3(0, fd, 1), EINVAL);
    CHECK(!raw_flock_is_free() && flock(fd, LOCK_UN) == 0 && raw_flock_is_free());
    CHECK(flock(fd, LOCK_EX) == 0);
    FAILS(syscall(SYS_close_range, fd, fd, 128), EINVAL);
    CHECK(!raw_flock_is_free());
    if (syscall(SYS_close_range, fd, fd, 4 /* CLOSE_RANGE_CLOEXEC, Linux 5.11 */) != 0)
        CHECK(errno == EINVAL || errno == ENOSYS);
    CHECK(!raw_flock_is_free());
    CHECK(dup2(0, fd) == fd && raw_flock_is_free() && close(fd) == 0);
}

static void as_a_whole(const char *proxy)
{
    name = proxy;
    by_flock();
    by_fcntl();
    by_lockf();
    closed();
    not_closed();
}

int main(void)
{
    time_limit(20);
    as_a_whole("small");
    as_a_whole("small.other"); /* another proxy of the same object */
    as_a_whole("direct");
    return 0;
}

/* locks.c: a lock on a proxied descriptor keeps others out, as a lock on any file does */
#include "proxy_locks.h"

#include <sys/statvfs.h>
#include <sys/xattr.h>

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
    /* also where the copy was there first */
    fd = open_px(name);
    copy = dup(fd);
    CHECK(flock(fd, LOCK_EX) == 0 && flock(copy, LOCK_EX | LOCK_NB) == 0 && close(fd) == 0);
    CHECK(!raw_flock_is_free() && flock(copy, LOCK_UN) == 0 && raw_flock_is_free());
    CHECK(flock(copy, LOCK_EX) == 0 && close(copy) == 0 && raw_flock_is_free());
    /* the number is another file's now */
    CHECK(open(tmp("plain"), O_RDWR | O_CREAT, 0600) == fd && flock(fd, LOCK_EX) == 0);
    CHECK(raw_flock_is_free() && close(fd) == 0);
}

static void by_fcntl(void)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 10};
    struct flock end = {.l_type = F_RDLCK, .l_whence = SEEK_END, .l_start = -10, .l_len = 5};
    struct flock here = {.l_type = F_RDLCK, .l_whence = SEEK_CUR, .l_start = 7, .l_len = 1};
    struct flock all = {.l_type = F_UNLCK};
    int fd = open_px(name);

    CHECK(fcntl(fd, F_SETLK, &lock) == 0);
    CHECK(reader_at(109) == OPEN_FILE && reader_at(110) == 0);
    CHECK(fcntl(fd, F_SETLKW, &end) == 0);
    CHECK(reader_at(SMALL - 10) == OPEN_FILE && reader_at(SMALL - 5) == 0);
    CHECK(lseek(fd, 5000, SEEK_SET) == 5000 && syscall(SYS_fcntl, fd, F_SETLK, &here) == 0);
    CHECK(reader_at(5007) == OPEN_FILE);
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

    CHECK(fcntl(fd, F_SETLK, &lock) == 0 && reader_at(0) == OPEN_FILE);
    CHECK(close(fd) == 0 && reader_at(0) == 0);
    CHECK(fcntl(fileno(stream), F_OFD_SETLK, &lock) == 0 && reader_at(0) == -1);
    CHECK(fclose(stream) == 0 && reader_at(0) == 0);
}

/* Those of fcntl are the process's, by whichever number. */
static void of_the_process(void)
{
    struct flock lock = {.l_type = F_RDLCK, .l_len = 10}, asked = {.l_type = F_WRLCK};
    int fd = open_px(name), other = open_px(name), copy = dup(other);

    CHECK(fcntl(fd, F_SETLK, &lock) == 0 && reader_at(3) == OPEN_FILE);
    asked.l_whence = SEEK_CUR;
    asked.l_start = 5;
    asked.l_pid = 77;
    CHECK(fcntl(other, F_GETLK, &asked) == 0 && asked.l_type == F_UNLCK);
    CHECK(asked.l_whence == SEEK_CUR && asked.l_start == 5 && asked.l_pid == 77);
    asked.l_type = F_WRLCK;
    asked.l_pid = 0;
    CHECK(fcntl(other, F_OFD_GETLK, &asked) == 0 && asked.l_type == F_RDLCK);
    CHECK(asked.l_start == 0 && asked.l_len == 10);
    lock.l_type = F_UNLCK;
    CHECK(fcntl(other, F_SETLK, &lock) == 0 && reader_at(3) == 0);
    lock.l_type = F_RDLCK;
    CHECK(fcntl(other, F_SETLK, &lock) == 0 && reader_at(3) == OPEN_FILE);
    CHECK(close(copy) == 0 && reader_at(3) == 0); /* a copy of what locked: as the kernel */
    CHECK(fcntl(fd, F_SETLK, &lock) == 0 && reader_at(3) == OPEN_FILE);
    CHECK(close(fd) == 0 && reader_at(3) == 0 && close(other) == 0);
}

/* libps itself opens and closes the proxy file: by none of these a lock of the program's goes. */
static void kept(void)
{
    struct flock lock = {.l_type = F_RDLCK, .l_len = 10};
    int fd = open_px(name), other;
    struct statvfs system;
    struct stat st;
    char value[10];

    CHECK(fcntl(fd, F_SETLK, &lock) == 0 && reader_at(3) == OPEN_FILE);
    CHECK(stat(px(name), &st) == 0 && st.st_size == SMALL && reader_at(3) == OPEN_FILE);
    CHECK(fgetxattr(fd, "user.none", value, sizeof(value)) < 0 && reader_at(3) == OPEN_FILE);
    CHECK(fstatvfs(fd, &system) == 0 && reader_at(3) == OPEN_FILE);
    CHECK(open(px(name), O_RDWR) < 0 && (errno == EROFS || errno == EACCES));
    CHECK(reader_at(3) == OPEN_FILE);
    other = open_px(name);
    CHECK(reader_at(3) == OPEN_FILE && fcntl(other, F_SETLK, &lock) == 0);
    CHECK(flock(other, LOCK_SH) == 0 && flock(other, LOCK_UN) == 0 && reader_at(3) == OPEN_FILE);
    CHECK(close(open_px(name)) == 0 && reader_at(3) == OPEN_FILE);
    CHECK(close(fd) == 0 && close(other) == 0 && reader_at(3) == 0);
}

static void on_alarm(int number)
{
    (void)number;
}

/* A wait for another's lock ends with a signal. */
static void interrupted(void)
{
    struct flock write_lock = {.l_type = F_WRLCK}, read_lock = {.l_type = F_RDLCK};
    struct sigaction action = {.sa_handler = on_alarm}, before;
    int fd = open(tmp("victim"), O_RDONLY), ready[2];
    char byte;
    pid_t child;

    CHECK(fd >= 0 && pipe(ready) == 0);
    child = fork();
    if (child == 0) {
        int own = (int)raw_call(SYS_openat, AT_FDCWD, (long)tmp("victim"), O_RDWR, 0, 0, 0);
        CHECK(raw_call(SYS_flock, own, LOCK_EX, 0, 0, 0, 0) == 0);
        CHECK(raw_call(SYS_fcntl, own, F_SETLK, (long)&write_lock, 0, 0, 0) == 0);
        CHECK(write(ready[1], "", 1) == 1);
        pause();
        _exit(0);
    }
    CHECK(read(ready[0], &byte, 1) == 1 && sigaction(SIGALRM, &action, &before) == 0);
    FAILS(fcntl(fd, F_SETLK, &read_lock), EAGAIN);
    alarm(1);
    FAILS(fcntl(fd, F_SETLKW, &read_lock), EINTR);
    alarm(1);
    FAILS(flock(fd, LOCK_SH), EINTR);
    CHECK(fcntl(fd, F_GETLK, &read_lock) == 0 && read_lock.l_type == F_WRLCK);
    CHECK(read_lock.l_pid == child && kill(child, SIGKILL) == 0);
    CHECK(waitpid(child, NULL, 0) == child && sigaction(SIGALRM, &before, NULL) == 0);
    CHECK(close(ready[0]) == 0 && close(ready[1]) == 0 && close(fd) == 0);
    time_limit(20);
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
    of_the_process();
    kept();
}

int main(void)
{
    time_limit(20);
    as_a_whole("small");
    as_a_whole("small.other"); /* another proxy of the same object */
    as_a_whole("direct");
    interrupted();
    return 0;
}

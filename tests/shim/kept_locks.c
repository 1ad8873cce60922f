/* kept_locks.c: libps looks into files of a proxy file's size, and the program keeps its locks on
 * them */
#include "check.h"

#include <ftw.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/statvfs.h>

enum { SIZE = 4093 };

static const char *path; /* of a plain file of that size */

static int make(int flags)
{
    static const char bytes[SIZE] = "#!/bin/sh\nexit 0\n";
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0700);

    CHECK(fd >= 0 && write(fd, bytes, SIZE) == SIZE && close(fd) == 0);
    fd = open(path, flags);
    CHECK(fd >= 0);
    return fd;
}

static void lock_by(int fd, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET};

    CHECK(fcntl(fd, F_SETLK, &lock) == 0);
}

static int made(int flags)
{
    int fd = make(flags);

    lock_by(fd, (flags & O_ACCMODE) == O_RDONLY ? F_RDLCK : F_WRLCK);
    return fd;
}

/* By the kernel's word to another owner of locks */
static int is_locked(int fd)
{
    struct flock lock = {.l_type = F_WRLCK};

    CHECK(raw_call(SYS_fcntl, fd, F_OFD_GETLK, (long)&lock, 0, 0, 0) == 0);
    CHECK(lock.l_type == F_UNLCK || lock.l_pid == getpid());
    return lock.l_type != F_UNLCK;
}

static int visit(const char *name, const struct stat *st, int flag, struct FTW *where)
{
    (void)where;
    if (flag == FTW_F && strcmp(name, path) == 0)
        CHECK(st->st_size == SIZE);
    return 0;
}

static void look(int fd, int flags)
{
    struct stat st;
    struct statx stx;

    CHECK(stat(path, &st) == 0 && st.st_size == SIZE && is_locked(fd));
    CHECK(lstat(path, &st) == 0 && st.st_size == SIZE && is_locked(fd));
    CHECK(fstatat(AT_FDCWD, path, &st, 0) == 0 && st.st_size == SIZE && is_locked(fd));
    CHECK(statx(AT_FDCWD, path, 0, STATX_SIZE, &stx) == 0 && stx.stx_size == SIZE && is_locked(fd));
    CHECK(nftw(tmp("."), visit, 4, FTW_PHYS) == 0 && is_locked(fd));
    CHECK(truncate(path, SIZE) == 0 && is_locked(fd));
    CHECK(open(path, O_WRONLY) >= 0 && is_locked(fd));
    CHECK((open(path, O_RDONLY | O_DIRECT) >= 0 || errno == EINVAL) && is_locked(fd));
    CHECK(open(path, flags) >= 0 && is_locked(fd));
    CHECK(fstat(fd, &st) == 0 && st.st_size == SIZE && is_locked(fd));
}

static void read_lock(void)
{
    look(made(O_RDONLY), O_RDONLY);
}

static void write_lock(void)
{
    look(made(O_RDWR), O_RDWR);
}

static void by_writer(void)
{
    look(made(O_WRONLY), O_RDONLY);
}

static void by_lockf(void)
{
    int fd = make(O_RDWR);

    CHECK(lockf(fd, F_LOCK, 0) == 0);
    look(fd, O_RDWR);
}

static void by_copy(void)
{
    struct stat st;
    int fd = make(O_RDWR), copy = fcntl(fd, F_DUPFD, 100);

    lock_by(copy, F_WRLCK);
    CHECK(stat(path, &st) == 0 && is_locked(fd));
    CHECK(close(copy) == 0 && !is_locked(fd)); /* as the kernel does */
    lock_by(fd, F_WRLCK);
    CHECK(stat(path, &st) == 0 && is_locked(fd));
}

/* Its name is gone; the path leads to it by another process's list. */
static void unlinked(void)
{
    int fd = made(O_RDWR);
    struct stat st;
    char link[64];

    snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)getpid(), fd);
    CHECK(unlink(path) == 0 && stat(link, &st) == 0 && st.st_nlink == 0 && is_locked(fd));
}

/* What runs a script, or a program, may first have to know whether it will have libps. */
static void spawned(void)
{
    char *const arguments[] = {(char *)(uintptr_t)path, NULL};
    int view = open_px("small"), fd = made(O_RDONLY);
    pid_t child;

    CHECK(posix_spawn(&child, path, NULL, NULL, arguments, environ) == 0);
    reap(child);
    CHECK(is_locked(fd) && close(view) == 0);
}

/* The lock that this program was given by the one before it, on number 50 */
static void inherited(void)
{
    struct stat st;

    CHECK(is_locked(50));
    CHECK(stat(path, &st) == 0 && st.st_size == SIZE && is_locked(50));
}

static void executed(void)
{
    CHECK(dup2(make(O_RDWR), 50) == 50);
    lock_by(50, F_WRLCK);
    execl("/proc/self/exe", "kept_locks", "inherited", NULL);
    FAIL("execl");
}

static _Atomic int done;

static void *ask(void *unused)
{
    struct stat st;

    while (!done)
        CHECK(stat(path, &st) == 0 && st.st_size == SIZE);
    return unused;
}

/* While other threads look: a number that never made a lock makes its first. */
static void beside(void)
{
    int base = make(O_RDWR);
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, ask, NULL) == 0);
    for (int number = 100; number < 140; number++) {
        struct flock lock = {.l_type = F_WRLCK, .l_start = number, .l_len = 1};
        CHECK(dup2(base, number) == number && fcntl(number, F_SETLK, &lock) == 0);
        for (int i = 0; i < 5; i++)
            sched_yield();
        CHECK(is_locked(base));
        CHECK(close(number) == 0); /* takes it off */
    }
    done = 1;
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

int main(int count, char **arguments)
{
    static const struct check_case cases[] = {CASE(read_lock), CASE(write_lock), CASE(by_writer),
                                              CASE(by_lockf),  CASE(by_copy),    CASE(unlinked),
                                              CASE(spawned),   CASE(executed),   CASE(beside)};

    path = strdup(tmp("plain"));
    if (count > 1) {
        CHECK(strcmp(arguments[1], "inherited") == 0);
        inherited();
        return 0;
    }
    return CASES(cases, NULL);
}

/* locks_passed.c: locks by descriptors that children and other programs have too */
#include "proxy_locks.h"

#include <spawn.h>
#include <sys/socket.h>

/* This program again, to do that with a descriptor */
static void run(const char *task, int fd)
{
    char number[12];

    snprintf(number, sizeof(number), "%d", fd);
    execl("/proc/self/exe", "locks_passed", task, number, name, NULL);
    FAIL("execl");
}

static pid_t spawn(const char *task, int fd)
{
    char number[12];
    char *const arguments[] = {"locks_passed", (char *)(uintptr_t)task, number,
                               (char *)(uintptr_t)name, NULL};
    pid_t child;

    snprintf(number, sizeof(number), "%d", fd);
    CHECK(posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environ) == 0);
    return child;
}

/* --- what the program that is run does ---------------------------------------------------- */

static void task_lock(int fd)
{
    CHECK(flock(fd, LOCK_EX | LOCK_NB) == 0 && !raw_flock_is_free());
}

static void task_close(int fd)
{
    CHECK(!raw_flock_is_free() && close(fd) == 0 && raw_flock_is_free());
}

static void task_close_read(int fd)
{
    char byte;

    CHECK(read(fd, &byte, 1) == 1);
    task_close(fd);
}

static void task_replace(int fd)
{
    CHECK(!raw_flock_is_free() && dup2(0, fd) == fd && raw_flock_is_free());
}

/* 100 is a copy of it. */
static void task_close_copies(int fd)
{
    CHECK(close(fd) == 0 && !raw_flock_is_free());
    CHECK(flock(100, LOCK_EX | LOCK_NB) == 0 && close(100) == 0 && raw_flock_is_free());
}

static void task_unlock(int fd)
{
    CHECK(flock(fd, LOCK_UN) == 0 && raw_flock_is_free());
}

static void task_close_range(int fd)
{
    CHECK(!raw_flock_is_free());
    if (close_range((unsigned)fd, (unsigned)fd, 0) != 0)
        CHECK(close(fd) == 0); /* Linux before 5.9 */
    CHECK(raw_flock_is_free());
}

static void task_process(int fd)
{
    struct flock lock = {.l_type = F_WRLCK};

    CHECK(reader_at(0) == OPEN_FILE);
    CHECK(fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK);
    CHECK(close(fd) == 0 && reader_at(0) == 0);
}

/* What it opens itself is the object that it has met by what it inherits. */
static void task_open_too(int fd)
{
    struct flock lock = {.l_type = F_RDLCK};
    char byte;
    int own;

    CHECK(read(fd, &byte, 1) == 1);
    own = open_px(name);
    CHECK(flock(own, LOCK_EX | LOCK_NB) == 0 && !raw_flock_is_free());
    CHECK(fcntl(own, F_SETLK, &lock) == 0 && reader_at(0) == OPEN_FILE);
    CHECK(close(own) == 0 && raw_flock_is_free() && reader_at(0) == 0);
}

/* Says that it runs: the kernel lets go of its parent before it has closed what it does not get. */
static void task_wait(int fd)
{
    char byte;

    CHECK(write(fd, "", 1) == 1 && read(fd, &byte, 1) == 0);
}

/* By a socket comes an image of which nothing is known but its bytes. */
static void task_receive(int fd)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    char byte;
    struct iovec vector = {&byte, 1};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    struct flock lock = {.l_type = F_RDLCK};
    int got;

    CHECK(recvmsg(fd, &message, 0) == 1 && CMSG_FIRSTHDR(&message) != NULL);
    memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(got));
    FAILS(flock(got, LOCK_SH), ENOLCK);
    FAILS(fcntl(got, F_SETLK, &lock), ENOLCK);
    FAILS(lockf(got, F_TEST, 0), ENOLCK);
    CHECK(pread(got, &byte, 1, 0) == 1 && (unsigned char)byte == byte_at(0) && close(got) == 0);
}

/* --- cases -------------------------------------------------------------------------------- */

static void by_child(void)
{
    int fd = open_px(name);
    pid_t child = fork();

    if (child == 0) {
        task_lock(fd);
        _exit(0);
    }
    reap(child);
    CHECK(!raw_flock_is_free() && flock(fd, LOCK_EX | LOCK_NB) == 0);
    CHECK(flock(fd, LOCK_UN) == 0 && raw_flock_is_free());
}

static void locked_by(pid_t child, int fd)
{
    reap(child);
    CHECK(!raw_flock_is_free() && flock(fd, LOCK_UN) == 0 && raw_flock_is_free());
}

static void by_program(void)
{
    int fd = open_px(name), copy;
    char command[300];
    pid_t child = fork();

    if (child == 0)
        run("lock", fd);
    locked_by(child, fd);
    locked_by(spawn("lock", fd), fd);
    child = vfork();
    if (child == 0)
        run("lock", fd);
    locked_by(child, fd);
    copy = dup2(open_px(name), 9);
    snprintf(command, sizeof(command), "exec $BIN/locks_passed lock 9 %s", name);
    CHECK(system(command) == 0);
    CHECK(!raw_flock_is_free() && flock(copy, LOCK_UN) == 0 && raw_flock_is_free());
}

static void exec_after(const char *task, int flags)
{
    int fd = open(px(name), O_RDONLY | flags);

    CHECK(fd >= 0 && flock(fd, LOCK_EX) == 0);
    CHECK(fcntl(fd, F_SETFD, 0) == 0); /* its locker goes where it goes now */
    run(task, fd);
}

static void closed_there(void)
{
    exec_after("close", O_CLOEXEC);
}

static void read_there(void)
{
    exec_after("close_read", 0);
}

static void replaced_there(void)
{
    exec_after("replace", 0);
}

static void ranged_there(void)
{
    exec_after("close_range", 0);
}

static void unlocked_there(void)
{
    exec_after("unlock", 0);
}

static void opened_there(void)
{
    run("open_too", open_px(name));
}

static void copied_there(void)
{
    int fd = open_px(name);

    CHECK(dup2(fd, 100) == 100 && flock(fd, LOCK_EX) == 0);
    run("close_copies", fd);
}

static pid_t spawn_waiting(int *end)
{
    int ends[2];
    pid_t child;
    char byte;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    CHECK(fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0);
    child = spawn("wait", ends[1]);
    CHECK(close(ends[1]) == 0 && read(ends[0], &byte, 1) == 1);
    *end = ends[0];
    return child;
}

enum vforked { COPIED, PASSED, CLOSED };

/* In a function of its own: the frame of vfork's caller must stay. */
static pid_t with_vfork(enum vforked how, int fd, int end)
{
    pid_t child = vfork();

    if (child == 0) {
        if (how == COPIED && dup2(fd, 0) == 0)
            run("lock", 0);
        else if (how == PASSED && fcntl(fd, F_SETFD, 0) == 0)
            run("lock", fd);
        else if (how == CLOSED && close(fd) == 0)
            run("wait", end);
        _exit(1);
    }
    return child;
}

/* Which of its numbers go on, a vforked child decides: as subprocess of Python has it. */
static void by_vforked(void)
{
    int fd = open(px(name), O_RDONLY | O_CLOEXEC), ends[2];
    pid_t child;
    char byte;

    locked_by(with_vfork(COPIED, fd, -1), fd);
    locked_by(with_vfork(PASSED, fd, -1), fd);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC && close(fd) == 0);
    fd = open_px(name);
    CHECK(flock(fd, LOCK_EX) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    CHECK(fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0);
    child = with_vfork(CLOSED, fd, ends[1]);
    CHECK(close(ends[1]) == 0 && read(ends[0], &byte, 1) == 1);
    CHECK(!raw_flock_is_free() && close(fd) == 0 && raw_flock_is_free() && close(ends[0]) == 0);
    reap(child);
}

/* A lock by a descriptor that the program does not get goes as this one does. */
static void not_there(void)
{
    int fd = open(px(name), O_RDONLY | O_CLOEXEC), end;
    pid_t child;

    CHECK(flock(fd, LOCK_EX) == 0);
    child = spawn_waiting(&end);
    CHECK(!raw_flock_is_free() && close(fd) == 0 && raw_flock_is_free() && close(end) == 0);
    reap(child);
}

static int locked(void)
{
    struct flock lock = {.l_type = F_RDLCK};
    int fd = open_px(name);

    CHECK(fcntl(fd, F_SETLK, &lock) == 0 && reader_at(0) == OPEN_FILE);
    return fd;
}

/* Locks of the process: a child has none of them. */
static void process_forks(void)
{
    struct flock unlock = {.l_type = F_UNLCK};
    int fd = locked(), ends[2];
    char byte;
    pid_t child = fork();

    if (child == 0) {
        CHECK(fcntl(fd, F_SETLK, &unlock) == 0 && close(fd) == 0);
        _exit(0);
    }
    reap(child);
    CHECK(reader_at(0) == OPEN_FILE && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    child = fork();
    if (child == 0) {
        CHECK(close(ends[1]) == 0);
        task_wait(ends[0]);
        _exit(0);
    }
    CHECK(close(ends[0]) == 0 && read(ends[1], &byte, 1) == 1);
    CHECK(close(fd) == 0 && reader_at(0) == 0 && close(ends[1]) == 0);
    reap(child);
}

static void process_spawns(void)
{
    int fd = locked(), end;
    pid_t child = spawn_waiting(&end);

    CHECK(reader_at(0) == OPEN_FILE && close(fd) == 0 && reader_at(0) == 0 && close(end) == 0);
    reap(child);
}

static void process_executes(void)
{
    int fd = locked();

    CHECK(execl("/", "none", NULL) < 0 && reader_at(0) == OPEN_FILE);
    run("process", fd);
}

static void received(void)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS}};
    struct iovec vector = {"", 1};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    int fd = open(px(name), O_RDONLY | O_CLOEXEC), ends[2];
    pid_t child;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    CHECK(sendmsg(ends[0], &message, 0) == 1);
    child = spawn("receive", ends[1]);
    reap(child);
}

#define TASK(name)                                                                                 \
    {                                                                                              \
#name, task_##name                                                                         \
    }

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*run)(int fd);
    } tasks[] = {TASK(lock),         TASK(close),       TASK(close_read), TASK(replace),
                 TASK(close_copies), TASK(close_range), TASK(unlock),     TASK(process),
                 TASK(wait),         TASK(receive),     TASK(open_too)};
    static const struct check_case cases[] = {
        CASE(by_child),       CASE(by_program),    CASE(closed_there),   CASE(read_there),
        CASE(replaced_there), CASE(ranged_there),  CASE(unlocked_there), CASE(copied_there),
        CASE(not_there),      CASE(process_forks), CASE(process_spawns), CASE(process_executes),
        CASE(received),       CASE(opened_there),  CASE(by_vforked)};

    name = "small";
    if (count < 4)
        return CASES(cases, NULL);
    time_limit(20);
    name = arguments[3];
    for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++)
        if (strcmp(tasks[i].name, arguments[1]) == 0) {
            tasks[i].run(atoi(arguments[2]));
            return 0;
        }
    FAIL("no such task: %s", arguments[1]);
}

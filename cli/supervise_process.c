/* supervise_process.c: the supervisor, and its child, which becomes the program */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "psctl.h"
#include "supervise_process.h"

enum { SYS_PIDFD_GETFD = 438 };

/* --- the program --------------------------------------------------------------------- */

/* In the child of the supervisor. From the filter on no call may be one that is watched. */
static void become_watched(const struct start *start)
{
    int listener = install_filter(), status;
    char word;

    if (write(start->listens[1], &listener, sizeof(listener)) != sizeof(listener) || listener < 0 ||
        read(start->goes_on[0], &word, 1) != 1)
        _exit(STATUS_CANNOT_RUN);
    sigaction(SIGCHLD, &start->child_action, NULL);
    sigprocmask(SIG_SETMASK, &start->mask, NULL);
    status = become_program(start->path, start->argv);
    *start->not_run = 1;
    _exit(status);
}

/* --- the supervisor -------------------------------------------------------------------- */

static int tell(const struct start *start, int what, int value)
{
    struct report report = {.value = value};

    report.what = what;
    return write(start->reports[1], &report, sizeof(report)) == sizeof(report) ? 0 : errno;
}

static _Noreturn void give_up(const struct start *start, pid_t program)
{
    if (program > 0)
        kill(program, SIGKILL);
    tell(start, NOT_STARTED, STATUS_CANNOT_RUN);
    _exit(STATUS_CANNOT_RUN);
}

/* Why a program may not be supervised here, as far as is known. */
static int cannot_supervise(const char *path, const char *what, int cause)
{
    return fail("can't run %s: libps can't be preloaded into it, and it can't be supervised here: "
                "%s: %s",
                path, what, strerror(cause));
}

/* May its memory be read and written? No container that forbids it says so before. */
static int probe_memory(pid_t program)
{
    static char byte; /* at the same address in both */
    struct iovec one = {&byte, 1};
    long result = raw_call(SYS_process_vm_readv, program, (long)&one, 1, (long)&one, 1, 0);

    if (result == 1)
        result = raw_call(SYS_process_vm_writev, program, (long)&one, 1, (long)&one, 1, 0);
    return result == 1 ? 0 : (int)result;
}

/* The listener of the program, which waits for us; it does not come back without one. */
static int take_listener(const struct start *start, pid_t program)
{
    int number, listener, process, result;

    if (read(start->listens[0], &number, sizeof(number)) != sizeof(number)) {
        fail("can't run %s: it ended before it began", start->path);
        give_up(start, program);
    }
    if (number < 0) {
        cannot_supervise(start->path, "seccomp user notification", -number);
        give_up(start, program);
    }
    process = (int)raw_call(SYS_pidfd_open, program, 0, 0, 0, 0, 0);
    listener = process < 0 ? process : (int)raw_call(SYS_PIDFD_GETFD, process, number, 0, 0, 0, 0);
    if (listener < 0) {
        cannot_supervise(start->path, "pidfd_getfd", -listener);
        give_up(start, program);
    }
    result = probe_memory(program);
    if (result < 0) {
        cannot_supervise(start->path, "process_vm_readv", -result);
        give_up(start, program);
    }
    if (!is_listener(listener)) {
        cannot_supervise(start->path, "a kernel before 5.14", ENOSYS);
        give_up(start, program);
    }
    close(process);
    return listener;
}

/* Under Yama's rules an orphan is looked into only by an ancestor: so we become its parent. */
static void adopt_orphans(void)
{
    char scope = '0';
    int fd = raw_open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY, 0);

    if (fd < 0)
        return;
    if (read(fd, &scope, 1) == 1 && scope != '0')
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    close(fd);
}

/* One descriptor for each image of the tree, and more */
static void allow_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/*
 * A link to /proc/self/fd/N leads into this process when it is followed here:
 * there must be something, so that it is seen to be such a link (caller_path).
 */
static void occupy_numbers(void)
{
    int fd = raw_open("/dev/null", O_PATH, 0);

    for (int number = IMAGE_NUMBERS; fd >= 0 && number < NUMBERS_END; number++)
        if (raw_call(SYS_fcntl, number, F_GETFD, 0, 0, 0, 0) == -EBADF)
            raw_call(SYS_dup3, fd, number, O_CLOEXEC, 0, 0, 0);
    if (fd >= 0)
        raw_close(fd);
}

static bool is_unused(int listener)
{
    struct pollfd hangs_up = {.fd = listener};

    return poll(&hangs_up, 1, 0) == 1 && (hangs_up.revents & POLLHUP);
}

/* Until no process is left that has the filter. */
static void watch(struct start *start, pid_t program, int listener)
{
    sigset_t child;
    struct pollfd fds[3] = {{.fd = listener}, {.events = POLLIN}, {.fd = start->reports[1]}};
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    fds[1].fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    for (;;) {
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
            if (pid != program)
                continue;
            tell(start, ENDED, status);
            program = -1;
            if (is_unused(listener))
                return;
            fds[2].fd = -1;
            close(start->reports[1]); /* psctl goes; others of the tree are still here */
        }
        if (poll(fds, 3, -1) < 0 && errno != EINTR)
            return;
        if (program > 0 && (fds[2].revents & (POLLERR | POLLHUP)))
            kill(program, SIGKILL); /* psctl was killed, and was meant */
        if (fds[2].revents)
            fds[2].fd = -1;
        if (program < 0 && (fds[0].revents & POLLHUP))
            return;
        while (read(fds[1].fd, &info, sizeof(info)) > 0)
            ;
    }
}

_Noreturn void supervisor(struct start *start)
{
    const char *slash = strrchr(start->path, '/');
    int listener, error;
    pid_t program;

    close(start->reports[0]);
    adopt_orphans();
    if (resolve_given(start) != 0)
        give_up(start, 0);
    program = fork();
    if (program == 0) {
        close(start->listens[0]);
        close(start->goes_on[1]);
        become_watched(start);
    }
    close(start->listens[1]);
    close(start->goes_on[0]);
    if (program < 0) {
        fail("can't fork: %s", strerror(errno));
        give_up(start, 0);
    }
    listener = take_listener(start, program);
    program_invocation_short_name =
        slash != NULL ? (char *)(uintptr_t)slash + 1 : (char *)(uintptr_t)start->path;
    error = serve(listener);
    if (error != 0) {
        fail("can't start a thread: %s", strerror(error));
        give_up(start, program);
    }
    allow_descriptors();
    occupy_numbers();
    tell(start, STARTED, program);
    if (write(start->goes_on[1], "", 1) != 1)
        give_up(start, program);
    leave_given(start);
    watch(start, program, listener);
    exit(0);
}

/* supervise.c: the three processes of a supervised program */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "psctl.h"
#include "supervise.h"

enum { SYS_PIDFD_GETFD = 438, GIVEN_MAX = 1024 };

/* What the supervisor tells psctl. */
struct report {
    enum { STARTED, ENDED, NOT_STARTED } what;
    int value; /* the program's pid; its status as of wait; an exit status */
};

struct start {
    const char *path;
    char **argv;
    sigset_t mask; /* of psctl, for the program */
    struct sigaction child_action;
    int listens[2]; /* the program says its listener's number, or why there is none */
    int goes_on[2]; /* the supervisor has it, so the program may begin */
    int reports[2];
    int *not_run;                      /* shared: the program could not be run */
    int given[GIVEN_MAX], given_count; /* descriptors behind the standard ones */
};

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

/* The listener of the program, which waits for us; it does not come back without one. */
static int take_listener(const struct start *start, pid_t program)
{
    int number, listener, process;

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
    if (!is_listener(listener)) {
        cannot_supervise(start->path, "a kernel before 5.14", ENOSYS);
        give_up(start, program);
    }
    close(process);
    return listener;
}

enum { GIVEN = 10 }; /* what shells redirect */

/* Is the descriptor a proxy file that nobody has read from, or can write to? */
static bool is_given_proxy(int fd, const char *path)
{
    long flags = raw_call(SYS_fcntl, fd, F_GETFL, 0, 0, 0, 0);

    return flags >= 0 && (flags & (O_ACCMODE | O_PATH)) == O_RDONLY &&
           raw_call(SYS_lseek, fd, 0, SEEK_CUR, 0, 0, 0) == 0 && is_proxy_file(path);
}

/* What psctl was given open becomes its object, and whole: reads of low numbers are not seen. */
static int resolve_given(const struct start *start)
{
    char path[64];
    int image, result = 0;

    for (int fd = 0; fd < GIVEN && result == 0; fd++) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (!is_given_proxy(fd, path))
            continue;
        image = open(path, O_RDONLY | O_CLOEXEC);
        if (image < 0 || ps_fd_resolve(image, NULL) < 0 || dup2(image, fd) < 0)
            result =
                fail("can't run %s: the object of its descriptor %d can't be had", start->path, fd);
        if (image >= 0)
            close(image);
    }
    return result;
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

/*
 * What psctl was given is the program's: who waits for the end of a pipe shall
 * not wait for us. But standard error, for reports. Ours are closed by exec, and
 * so they are told apart; but for those of images, which come later.
 */
static void leave_its_files(void)
{
    int fd = raw_open("/dev/null", O_RDWR, 0);

    if (fd < 0)
        return;
    dup2(fd, 0);
    dup2(fd, 1);
    close(fd);
}

static void close_given(const struct start *start)
{
    for (int i = 0; i < start->given_count; i++)
        close(start->given[i]);
}

static void find_given(struct start *start)
{
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        int fd = atoi(entry->d_name), flags = fcntl(fd, F_GETFD);

        if (fd > 2 && flags >= 0 && !(flags & FD_CLOEXEC) && start->given_count < GIVEN_MAX)
            start->given[start->given_count++] = fd;
    }
    if (folder != NULL)
        closedir(folder);
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

static _Noreturn void supervisor(struct start *start)
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
    tell(start, STARTED, program);
    if (write(start->goes_on[1], "", 1) != 1)
        give_up(start, program);
    leave_its_files();
    close_given(start);
    allow_descriptors();
    watch(start, program, listener);
    exit(0);
}

/* --- psctl -------------------------------------------------------------------------------- */

/* As the program ended: shells tell the two apart. */
static void end_by(int signal)
{
    struct rlimit none = {0, 0};
    sigset_t only;

    setrlimit(RLIMIT_CORE, &none); /* its own is there, if any */
    sigemptyset(&only);
    sigaddset(&only, signal);
    sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    raise(signal);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
}

static bool hear(const struct start *start, struct report *report)
{
    ssize_t n;

    do
        n = read(start->reports[0], report, sizeof(*report));
    while (n < 0 && errno == EINTR);
    return n == sizeof(*report);
}

/* until the supervisor is gone too, or says that it stays for others of the tree */
static int wait_for_end(const struct start *start, bool raises, int *is_started)
{
    struct report report = {.what = NOT_STARTED, .value = STATUS_CANNOT_RUN}, more;
    pid_t program;

    if (!hear(start, &report) || report.what != STARTED)
        return report.value;
    program = report.value;
    pass_signals_on(program);
    sigprocmask(SIG_SETMASK, &start->mask, NULL);
    if (!hear(start, &report)) {
        kill(program, SIGKILL);
        fail("the supervisor of %s was killed, so it was, too", start->path);
        return 128 + SIGKILL;
    }
    hear(start, &more);
    *is_started = !*start->not_run;
    if (WIFSIGNALED(report.value)) {
        if (raises)
            end_by(WTERMSIG(report.value));
        return 128 + WTERMSIG(report.value);
    }
    return WEXITSTATUS(report.value);
}

int supervise(const char *path, char **argv, bool raises, int *is_started)
{
    struct start start = {.path = path, .argv = argv};
    struct sigaction keep = {.sa_handler = SIG_DFL};
    sigset_t all;
    pid_t child;
    int status;

    start.not_run =
        mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (start.not_run == MAP_FAILED || pipe2(start.listens, O_CLOEXEC) != 0 ||
        pipe2(start.goes_on, O_CLOEXEC) != 0 || pipe2(start.reports, O_CLOEXEC) != 0)
        return fail("no memory, or no descriptor, is left");
    find_given(&start);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &start.mask);
    sigaction(SIGCHLD, &keep, &start.child_action);
    child = fork();
    if (child == 0)
        supervisor(&start);
    leave_its_files();
    close_given(&start);
    if (child < 0)
        return fail("can't fork: %s", strerror(errno));
    close(start.reports[1]);
    close(start.listens[1]);
    close(start.goes_on[1]);
    status = wait_for_end(&start, raises, is_started);
    munmap(start.not_run, sizeof(int));
    return status;
}

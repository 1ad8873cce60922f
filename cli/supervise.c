/* supervise.c: psctl's own part: it starts the supervisor, passes signals on, and ends as the
 * program did */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "psctl.h"
#include "supervise_process.h"

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
    leave_given(&start);
    if (child < 0)
        return fail("can't fork: %s", strerror(errno));
    close(start.reports[1]);
    close(start.listens[1]);
    close(start.goes_on[1]);
    status = wait_for_end(&start, raises, is_started);
    munmap(start.not_run, sizeof(int));
    return status;
}

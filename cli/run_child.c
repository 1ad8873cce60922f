/* run_child.c: the program of psctl run, in the place of psctl or as its child */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "psctl.h"

int become_program(const char *path, char **arguments)
{
    int cause;

    exec_program(path, arguments);
    cause = errno;
    if (cause == ENOEXEC && is_shell_text(path)) {
        /* a script without a first line "#!": shells run it themselves, so hand it to one */
        size_t count = 0;
        char **argv;

        while (arguments[count] != NULL)
            count++;
        argv = calloc(count + 2, sizeof(*argv));
        if (argv != NULL) {
            argv[0] = (char *)(uintptr_t) "sh";
            argv[1] = (char *)(uintptr_t)path;
            memcpy(argv + 2, arguments + 1, count * sizeof(*argv));
            execv("/bin/sh", argv);
        }
        free(argv);
    }
    fail("can't run %s: %s", path, strerror(cause));
    return cause == ENOENT ? STATUS_NO_PROGRAM : STATUS_CANNOT_RUN;
}

static pid_t child;

/* pass_on: what was sent to psctl is meant for the program */
static void pass_on(int signal, siginfo_t *info, void *context)
{
    int saved = errno;

    (void)context;
    /* the terminal sent its own to the program too */
    if (info->si_code != SI_KERNEL)
        kill(child, signal);
    errno = saved;
}

void pass_signals_on(pid_t to)
{
    static const int signals[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
                                  SIGUSR1, SIGUSR2, SIGALRM, SIGCONT};
    struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigaction old;

    child = to;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        /* under nohup both ignore SIGHUP, and so it stays */
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
}

static int wait_for(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return fail("can't wait for the program: %s", strerror(errno));
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int run_child(const char *path, char **argv, int *is_started)
{
    int *not_run = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                        0); /* how the child tells its own failure from the program's */
    /* where it is ignored the kernel keeps no status of a child */
    struct sigaction keep = {.sa_handler = SIG_DFL}, before;
    sigset_t all, mask;
    int status;

    if (not_run == MAP_FAILED)
        return fail("no memory");
    /* a signal between fork and pass_signals_on waits, instead of ending psctl alone */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &mask);
    sigaction(SIGCHLD, &keep, &before);
    child = fork();
    if (child == 0) {
        sigaction(SIGCHLD, &before, NULL);
        sigprocmask(SIG_SETMASK, &mask, NULL);
        share_cache();
        status = become_program(path, argv);
        *not_run = 1;
        _exit(status);
    }
    if (child < 0)
        return fail("can't fork: %s", strerror(errno));
    pass_signals_on(child);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    status = wait_for(child);
    *is_started = !*not_run;
    munmap(not_run, sizeof(int));
    return status;
}

int run_apart(int (*body)(const void *argument), const void *argument)
{
    /* where it is ignored the kernel keeps no status of a child */
    struct sigaction keep = {.sa_handler = SIG_DFL}, before;
    pid_t pid;
    int status;

    sigaction(SIGCHLD, &keep, &before);
    pid = fork();
    if (pid == 0)
        _exit(body(argument));
    status = pid < 0 ? fail("can't fork: %s", strerror(errno)) : wait_for(pid);
    sigaction(SIGCHLD, &before, NULL);
    return status < 128 ? status : fail("signal %d has ended a part of psctl", status - 128);
}

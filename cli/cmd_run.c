/* cmd_run.c: psctl run: a program with libps preloaded */
#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ps/stats.h>

#include "psctl.h"

#define LIBRARY "libps.so.1"

/* psctl is about the proxy itself: the library, which looks for this, leaves it on standard input
 */
extern const char ps_stdin_as_it_is __attribute__((visibility("default")));
const char ps_stdin_as_it_is = 1;

struct run {
    int has_stats, is_json, is_forced, learns;
    const char *engine, *profile; /* NULL: none */
    char **argv;
    char path[PATH_MAX];
};

/* --- the library to preload --------------------------------------------------- */

static int is_library(const char *path)
{
    struct stat status;

    return raw_stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* find_library: beside psctl, as in a build folder; in ../lib; or the one that psctl runs with */
static int find_library(char *path)
{
    char self[PATH_MAX], candidate[PATH_MAX + 32];
    char *slash = NULL;
    Dl_info info;
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (n > 0) {
        self[n] = '\0';
        slash = strrchr(self, '/');
    }
    if (slash != NULL) {
        *slash = '\0';
        snprintf(candidate, sizeof(candidate), "%s/" LIBRARY, self);
        if (is_library(candidate) && realpath(candidate, path) != NULL)
            return 1;
        snprintf(candidate, sizeof(candidate), "%s/../lib/" LIBRARY, self);
        if (is_library(candidate) && realpath(candidate, path) != NULL)
            return 1;
    }
    return dladdr((void *)(uintptr_t)ps_version, &info) != 0 && info.dli_fname != NULL &&
           is_library(info.dli_fname) && realpath(info.dli_fname, path) != NULL;
}

/* set_preload: put libps before what is preloaded already */
static int set_preload(void)
{
    const char *others = getenv("LD_PRELOAD");
    char path[PATH_MAX];
    char *value;
    int result;

    if (!find_library(path))
        return fail(LIBRARY " is not found beside psctl, nor in ../lib");
    /* the loader splits at these, knows no quotes, and would go on without libps */
    if (strpbrk(path, " :;$") != NULL)
        return fail("%s can't be preloaded: its path has one of \" :;$\"", path);
    if (others == NULL || others[0] == '\0')
        return setenv("LD_PRELOAD", path, 1) == 0 ? STATUS_OK : fail("no memory");
    if (asprintf(&value, "%s:%s", path, others) < 0)
        return fail("no memory");
    result = setenv("LD_PRELOAD", value, 1);
    free(value);
    return result == 0 ? STATUS_OK : fail("no memory");
}

static int is_engine(const char *name)
{
    static const char *const names[] = {"auto", "uffd", "uffd-user", "segv"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return 1;
    return 0;
}

/* set_engine: ask the library itself whether it has this engine here */
static int set_engine(const char *engine)
{
    struct ps_error err = {0};
    char text[4096];

    if (engine == NULL)
        return STATUS_OK;
    if (setenv("PS_ENGINE", engine, 1) != 0)
        return fail("no memory");
    if (ps_engine_describe(text, sizeof(text), &err) < 0)
        return fail("engine \"%s\": %s", engine, err.message[0] ? err.message : "not here");
    return STATUS_OK;
}

/* --- running -------------------------------------------------------------------- */

/* run_here: become the program. Returns only when that failed, with the exit status. */
static int run_here(const struct run *run)
{
    int cause;

    execv(run->path, run->argv);
    cause = errno;
    if (cause == ENOEXEC && is_shell_text(run->path)) {
        /* a script without a first line "#!": shells run it themselves, so hand it to one */
        size_t count = 0;
        char **argv;

        while (run->argv[count] != NULL)
            count++;
        argv = calloc(count + 2, sizeof(*argv));
        if (argv != NULL) {
            argv[0] = (char *)(uintptr_t) "sh";
            argv[1] = (char *)(uintptr_t)run->path;
            memcpy(argv + 2, run->argv + 1, count * sizeof(*argv));
            execv("/bin/sh", argv);
        }
        free(argv);
    }
    fail("can't run %s: %s", run->path, strerror(cause));
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

static void pass_signals_on(void)
{
    static const int signals[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
                                  SIGUSR1, SIGUSR2, SIGALRM, SIGCONT};
    struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigaction old;

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

/* run_child: fork, run, wait. *is_started: 0 when the program could not be run. */
static int run_child(const struct run *run, int *is_started)
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
        status = run_here(run);
        *not_run = 1;
        _exit(status);
    }
    if (child < 0)
        return fail("can't fork: %s", strerror(errno));
    pass_signals_on();
    sigprocmask(SIG_SETMASK, &mask, NULL);
    status = wait_for(child);
    *is_started = !*not_run;
    munmap(not_run, sizeof(int));
    return status;
}

/* run_and_profile: run_child, and what it has waited for if that is wanted */
static int run_and_profile(const struct run *run, int *is_started)
{
    struct run_profile profile;
    int status, ended;

    if (run->profile == NULL)
        return run_child(run, is_started);
    status = profile_begin(&profile, run->profile);
    if (status != STATUS_OK)
        return status;
    status = run_child(run, is_started);
    ended = profile_end(&profile, *is_started);
    return status == STATUS_OK ? ended : status;
}

static int run_with_stats(const struct run *run)
{
    int fd, status, is_started = 0;
    struct ps_board *board = stats_open(&fd);
    char path[64];

    if (board == NULL)
        return STATUS_FAILED;
    /* by psctl's number, as "self" would be another process in each that reads it */
    snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)getpid(), fd);
    if (setenv("PS_STATS", path, 1) != 0)
        return fail("no memory");
    status = run_and_profile(run, &is_started);
    if (is_started && run->is_json)
        stats_json(board, status);
    else if (is_started)
        stats_table(board);
    munmap(board, sizeof(*board));
    close(fd);
    return status;
}

static int run_program(struct run *run)
{
    int status = find_program(run->argv[0], run->path, sizeof(run->path));
    const char *why;

    if (status != STATUS_OK)
        return status;
    why = why_not_preloaded(run->path, &status);
    if (status != STATUS_OK)
        return status;
    if (why != NULL && !run->is_forced) {
        fail("%s %s: libps can't be preloaded, it would see the proxy files themselves "
             "(--force runs it all the same)",
             run->path, why);
        return STATUS_CANNOT_RUN;
    }
    status = set_engine(run->engine);
    if (status == STATUS_OK && run->learns)
        status = set_learn();
    if (status == STATUS_OK)
        status = set_preload();
    if (status != STATUS_OK)
        return status;
    if (run->has_stats)
        return run_with_stats(run);
    return run->profile != NULL ? run_and_profile(run, &(int){0}) : run_here(run);
}

int cmd_run(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {
        {"stats", no_argument, NULL, 's'},        {"json", no_argument, NULL, 'j'},
        {"engine", required_argument, NULL, 'e'}, {"force", no_argument, NULL, 'f'},
        {"learn", no_argument, NULL, 'l'},        {"profile", optional_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},         {0}};
    struct run run = {0};
    int option;

    opterr = 0;
    /* "+": the options behind PROGRAM are the program's */
    while ((option = getopt_long(argc, argv, "+:sje:flp::h", options, NULL)) != -1) {
        if (option == 's')
            run.has_stats = 1;
        else if (option == 'j')
            run.has_stats = run.is_json = 1;
        else if (option == 'e')
            run.engine = optarg;
        else if (option == 'f')
            run.is_forced = 1;
        else if (option == 'l')
            run.learns = 1;
        else if (option == 'p')
            run.profile = optarg != NULL ? optarg : "psctl-profile";
        else if (option == 'h')
            return show_help(self);
        else
            return bad_option(self, option, argv);
    }
    if (run.engine != NULL && !is_engine(run.engine))
        return usage(self, "engine \"%s\" is none of auto, uffd, uffd-user, segv", run.engine);
    if (optind >= argc || argv[optind][0] == '\0')
        return usage(self, "run: a program is missing");
    run.argv = argv + optind;
    return run_program(&run);
}

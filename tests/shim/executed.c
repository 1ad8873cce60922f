/* executed.c: proxies of programs and of scripts are run as these would be */
#include "check.h"

#include <malloc.h>
#include <pthread.h>
#include <spawn.h>

extern char **environ;

static int out[2];
static char *words[] = {(char *)"name", (char *)"one", (char *)"two words", NULL};
static char *marked[] = {(char *)"MARK=marked", NULL, NULL};

/* Standard output of the child, and its status */
static void ended(pid_t child, const char *wanted)
{
    char text[300];
    size_t used = 0;
    ssize_t got;
    int status;

    CHECK(child > 0 && close(out[1]) == 0);
    while ((got = read(out[0], text + used, sizeof(text) - 1 - used)) > 0)
        used += (size_t)got;
    text[used] = '\0';
    CHECK(close(out[0]) == 0 && waitpid(child, &status, 0) == child);
    if (status != 33 << 8 || strcmp(text, wanted) != 0)
        FAIL("status 0x%x, \"%s\", not \"%s\"", status, text, wanted);
}

static void begin(void)
{
    CHECK(pipe2(out, O_CLOEXEC) == 0);
}

static pid_t child_begins(void)
{
    pid_t child;

    begin();
    child = fork();
    if (child == 0)
        CHECK(dup2(out[1], 1) == 1);
    return child;
}

static const char *program(void)
{
    return px("program");
}

static void by_exec(void)
{
    pid_t child;

    if ((child = child_begins()) == 0)
        _exit(execv(program(), words));
    ended(child, "name one two words none\n");
    if ((child = child_begins()) == 0)
        _exit(execve(program(), words, marked));
    ended(child, "name one two words marked\n");
    if ((child = child_begins()) == 0)
        _exit(execl(program(), "list", (char *)NULL));
    ended(child, "list none\n");
    if ((child = child_begins()) == 0)
        _exit(execvp(program(), words));
    ended(child, "name one two words none\n");
    if ((child = child_begins()) == 0)
        _exit((int)syscall(SYS_execve, program(), words, marked));
    ended(child, "name one two words marked\n");
    if ((child = child_begins()) == 0) {
        int dir = open(getenv("PX"), O_PATH | O_CLOEXEC);

        _exit((int)syscall(SYS_execveat, dir, "program", words, marked, 0));
    }
    ended(child, "name one two words marked\n");
}

/* The first of that name in PATH */
static void by_name(void)
{
    pid_t child;

    CHECK(setenv("PATH", in("PX", ":/none:/bin"), 1) == 0);
    CHECK(setenv("MARK", "x", 1) == 0);
    if ((child = child_begins()) == 0)
        _exit(execvp("program", words));
    ended(child, "name one two words x\n");
    CHECK(setenv("PATH", in("TMP", ""), 1) == 0);
    FAILS(execvp("program", words), ENOENT);
    CHECK(chdir(getenv("PX")) == 0);
    if ((child = child_begins()) == 0)
        _exit(execlp("./program", "program", (char *)NULL));
    ended(child, "program x\n");
    CHECK(setenv("PATH", ":/bin", 1) == 0);
    if ((child = child_begins()) == 0)
        _exit(execvpe("program", words, marked));
    ended(child, "name one two words marked\n");
}

static pid_t spawned(int searches, const char *path)
{
    posix_spawn_file_actions_t actions;
    pid_t child = -1;
    int result;

    begin();
    CHECK(posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawn_file_actions_adddup2(&actions, out[1], 1) == 0);
    result = (searches ? posix_spawnp : posix_spawn)(&child, path, &actions, NULL, words, environ);
    if (result != 0)
        FAIL("posix_spawn: %d", result);
    CHECK(posix_spawn_file_actions_destroy(&actions) == 0);
    return child;
}

static void by_posix_spawn(void)
{
    ended(spawned(0, program()), "name one two words none\n");
    CHECK(setenv("PATH", in("PX", ":/bin"), 1) == 0);
    ended(spawned(1, "program"), "name one two words none\n");
}

static void script(void)
{
    char wanted[300];
    pid_t child;

    if ((child = child_begins()) == 0)
        _exit(execv(px("script"), words));
    ended(child, "script one two words\n");
    if ((child = child_begins()) == 0)
        _exit(execvp(px("script"), words));
    ended(child, "script one two words\n");
    ended(spawned(0, px("script")), "script one two words\n");
    /* a shell names its commands by their paths */
    if ((child = child_begins()) == 0)
        _exit(execl("/bin/sh", "sh", "-c", "\"$0\" a; exit", program(), (char *)NULL));
    snprintf(wanted, sizeof(wanted), "%s a none\n", program());
    ended(child, wanted);
}

static void by_vfork(void)
{
    pid_t child;

    begin();
    child = vfork();
    if (child == 0) {
        dup2(out[1], 1);
        execv(program(), words);
        _exit(1);
    }
    ended(child, "name one two words none\n");
}

static void *allocates(void *unused)
{
    void *volatile memory;

    for (;;) {
        memory = malloc(20000); /* more than threads keep for themselves */
        free(memory);
    }
    return unused;
}

/* One of them is always in the middle of malloc. first: it is the first proxy of the process */
static void beside_threads(int first)
{
    pthread_t thread;

    CHECK(mallopt(M_ARENA_MAX, 1) == 1 || has_asan()); /* so it is all for the lock of one */
    if (!first)
        CHECK(open_px("small") >= 0);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&thread, NULL, allocates, NULL) == 0);
    for (int i = 0; i < 10; i++)
        by_vfork();
}

/* AddressSanitizer's malloc may be locked for ever in a child of threads that are at work. */
static void by_vfork_beside_threads(void)
{
    if (!has_asan())
        beside_threads(1);
}

static void by_vfork_with_a_worker(void)
{
    beside_threads(0);
}

/* Whatever the program does about the ends of its children, it hears of none but them. */
static void by_vfork_unheard(void)
{
    char text[100];
    sigset_t chld, pending;
    int status;
    pid_t child;

    CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    begin();
    if (vfork() == 0) {
        dup2(out[1], 1);
        execv(program(), words);
        _exit(1);
    }
    CHECK(read(out[0], text, sizeof(text)) == 24 && memcmp(text, "name one", 8) == 0);
    CHECK(signal(SIGCHLD, SIG_DFL) == SIG_IGN);
    CHECK(sigemptyset(&chld) == 0 && sigaddset(&chld, SIGCHLD) == 0);
    hear();
    turn(1);
    child = vfork();
    if (child == 0) {
        sigprocmask(SIG_BLOCK, &chld, NULL);
        execv(px("program.error"), words);
        sigpending(&pending);
        _exit(errno != EIO || sigismember(&pending, SIGCHLD));
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    turn(0);
}

/* A file that is none, and one that may not be run; nothing but a text behind the proxy */
static void refused(void)
{
    int fd;

    FAILS(execv(px("small"), words), EACCES);
    fd = open(tmp("text"), O_WRONLY | O_CREAT | O_EXCL, 0700);
    CHECK(fd >= 0 && ftruncate(fd, 4093) == 0 && close(fd) == 0);
    FAILS(execv(tmp("text"), words), ENOEXEC);
    FAILS(execve(tmp("text"), words, marked), ENOEXEC);
}

/* What can't be had is not run. */
static void fails(void)
{
    pid_t child;
    int status;

    turn(1);
    if ((child = fork()) == 0) {
        hear();
        FAILS(execv(px("program.error"), words), EIO);
        FAILS(execvp(px("program.error"), words), EIO);
        CHECK(posix_spawn(&child, px("program.error"), NULL, NULL, words, environ) == EIO);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    if ((child = vfork()) == 0) {
        close(2);
        execv(px("program.error"), words);
        _exit(errno == EIO ? 5 : 6);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 5 << 8);
}

int main(void)
{
    const struct check_case cases[] = {CASE(by_exec),
                                       CASE(by_name),
                                       CASE(by_posix_spawn),
                                       CASE(script),
                                       CASE(by_vfork),
                                       CASE(by_vfork_beside_threads),
                                       CASE(by_vfork_with_a_worker),
                                       CASE(by_vfork_unheard),
                                       CASE(refused),
                                       CASE(fails)};

    if (has_asan() && asprintf(&marked[1], "LD_PRELOAD=%s", getenv("LD_PRELOAD")) < 0)
        return 1;
    return CASES(cases, flag_off);
}

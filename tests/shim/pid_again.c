/*
 * pid_again.c: a child that has the number of an ancestor by chance opens its stores itself
 *
 * run: root link
 */
#include "own_store.h"

#include <sys/prctl.h>

enum { NOT_HERE = 77 };

static const unsigned char *at;

/* A fork whose child has that number */
static pid_t fork_as(pid_t number)
{
    /* struct clone_args, Linux 5.5: the signal at its end is the fifth, set_tid and its size the
     * last
     */
    uint64_t arguments[10] = {[4] = SIGCHLD, [8] = (uintptr_t)&number, [9] = 1};
    pid_t child = (pid_t)syscall(SYS_clone3, arguments, sizeof(arguments));

    if (child < 0 && (errno == EINVAL || errno == ENOSYS || errno == EPERM))
        _exit(NOT_HERE);
    return child;
}

/* Waits until its parent is gone, which opened the store and had that number. */
static void second(pid_t number, int gone)
{
    int status = 0;
    char byte;
    pid_t child;

    CHECK(read(gone, &byte, 1) == 1);
    child = fork_as(number);
    if (child == 0) {
        BYTES(at + SMALL / 2, PAGE, SMALL / 2);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    _exit(status != 0);
}

static void first(const char *object, int gone)
{
    struct ps_error err = {0};
    pid_t own = getpid();

    at = ps_lazy_map(object, NULL, NULL, &err);
    if (at == NULL)
        FAIL("%s", err.message);
    BYTES(at, PAGE, 0);
    if (fork() == 0)
        second(own, gone);
    _exit(0);
}

int main(void)
{
    struct ps_proxy proxy;
    char url[1100];
    int gone[2], status;
    pid_t child;

    time_limit(20);
    snprintf(url, sizeof(url), "cache+file://%s?direct=0", tmp("store"));
    CHECK(setenv("PS_CACHE", tmp("cache"), 1) == 0 && mkdir(tmp("cache"), 0700) == 0);
    CHECK(setenv("PS_READ_AHEAD", "0", 1) == 0);
    put_own(url, &proxy);
    CHECK(pipe(gone) == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    child = fork();
    if (child == 0)
        first(proxy.object, gone[0]);
    reap(child);
    CHECK(write(gone[1], "", 1) == 1 && wait(&status) > 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_HERE)
        puts("a process can't be given its number here");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

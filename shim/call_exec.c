/*
 * call_exec.c: programs that are run in the place of this one: see run.h
 *
 * libc's functions call each other by ways that nobody sees, so each name is
 * hooked.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/text.h"
#include "file_lock.h"
#include "hook.h"
#include "peek.h"
#include "real.h"
#include "run.h"

/* --- exec ------------------------------------------------------------------------------ */

struct exec {
    struct ps_run run;
    char *const *argv;
    long (*now)(struct exec *exec); /* a negative errno: it was not run */
    int fd;                         /* of fexecve and execveat */
    const char *path;
    int flags;
};

static long exec_supervisor(const struct ps_run *run)
{
    return sys_call3(SYS_execve, run->supervisor, run->room->arguments.argv, run->environment);
}

/* The file is no program: is it the proxy of one? */
static long exec_proxy(struct exec *exec)
{
    int fd = ps_run_proxy(&exec->run);
    long result;

    if (fd < 0)
        return fd;
    if (exec->run.supervisor != NULL)
        return exec_supervisor(&exec->run);
    result = sys_call6(SYS_execveat, fd, (long)"", (long)exec->argv, (long)exec->run.environment,
                       AT_EMPTY_PATH, 0);
    sys_close(fd);
    return result;
}

/* Not a part of its caller: the room is not for the stack of who has nothing to prepare. */
__attribute__((noinline)) static long exec_prepared(struct exec *exec)
{
    struct ps_run *run = &exec->run;
    struct ps_run_room room;
    long result = -ps_run_prepare(run, &room);

    if (result < 0)
        return result;
    result = run->supervisor != NULL ? exec_supervisor(run) : exec->now(exec);
    ps_run_end(run);
    return result;
}

static int exec_as(struct exec *exec)
{
    long result;

    ps_file_lock_exec(true);
    result = ps_run_is_plain(&exec->run) ? exec->now(exec) : exec_prepared(exec);
    ps_file_lock_exec(false);
    return (int)ps_result(result);
}

static long file_now(struct exec *exec)
{
    long result = sys_call3(SYS_execve, exec->run.path, exec->argv, exec->run.environment);

    return result == -ENOEXEC ? exec_proxy(exec) : result;
}

static int exec_file(const char *call, const char *path, char *const argv[], char *const envp[])
{
    struct exec exec = {
        .run = {.call = call, .path = path, .dir = AT_FDCWD, .argv = argv, .environment = envp},
        .argv = argv,
        .now = file_now};

    return exec_as(&exec);
}

static long name_now(struct exec *exec)
{
    long result = exec_proxy(exec); /* first: of a text, libc would have a shell run it */

    if (result != -ENOEXEC)
        return result;
    REAL(execvpe)(exec->run.path, exec->argv, exec->run.environment);
    return -errno;
}

static int exec_name(const char *call, const char *name, char *const argv[], char *const envp[])
{
    struct exec exec = {.run = {.call = call,
                                .path = name,
                                .dir = AT_FDCWD,
                                .searches = true,
                                .argv = argv,
                                .environment = envp},
                        .argv = argv,
                        .now = name_now};

    return exec_as(&exec);
}

HOOK(int, execve, (const char *path, char *const argv[], char *const envp[]))
{
    return exec_file("execve", path, argv, envp);
}

HOOK(int, execv, (const char *path, char *const argv[]))
{
    return exec_file("execv", path, argv, environ);
}

HOOK(int, execvp, (const char *name, char *const argv[]))
{
    return exec_name("execvp", name, argv, environ);
}

HOOK(int, execvpe, (const char *name, char *const argv[], char *const envp[]))
{
    return exec_name("execvpe", name, argv, envp);
}

static long fd_now(struct exec *exec)
{
    REAL(fexecve)(exec->fd, exec->argv, exec->run.environment);
    return -errno;
}

/* By a descriptor: psctl might not get it, as exec closes most. */
HOOK(int, fexecve, (int fd, char *const argv[], char *const envp[]))
{
    char path[PS_FD_PATH];
    struct exec exec = {
        .run = {.call = "fexecve", .path = path, .dir = AT_FDCWD, .environment = envp},
        .argv = argv,
        .now = fd_now,
        .fd = fd};

    ps_fd_path_of(path, sys_gettid(), fd);
    return exec_as(&exec);
}

static long at_now(struct exec *exec)
{
    long result = sys_call6(SYS_execveat, exec->fd, (long)exec->path, (long)exec->argv,
                            (long)exec->run.environment, exec->flags, 0);

    return result == -ENOEXEC ? exec_proxy(exec) : result;
}

/* glibc 2.34 and later */
HOOK(int, execveat, (int dir, const char *path, char *const argv[], char *const envp[], int flags))
{
    char own[PS_FD_PATH], first;
    struct exec exec = {.run = {.call = "execveat", .path = path, .dir = dir, .environment = envp},
                        .argv = argv,
                        .now = at_now,
                        .fd = dir,
                        .path = path,
                        .flags = flags};

    if ((flags & AT_EMPTY_PATH) && ps_peek(&first, path, 1) == 0 && first == '\0')
        exec.run.path = ps_fd_path_of(own, sys_gettid(), dir);
    return exec_as(&exec);
}

/* --- lists of arguments ------------------------------------------------------------------ */

/* To behind the NULL that ends them; false: errno */
static bool list_begin(struct ps_arguments *list, const char *first, va_list *arguments)
{
    size_t count = first != NULL;
    va_list again;

    va_copy(again, *arguments);
    while (count > 0 && va_arg(*arguments, char *) != NULL)
        count++;
    if (!ps_arguments_begin(list, count)) {
        va_end(again);
        errno = ENOMEM;
        return false;
    }
    list->argv[0] = (char *)(uintptr_t)first;
    for (size_t i = 1; i <= count; i++)
        list->argv[i] = va_arg(again, char *);
    va_end(again);
    return true;
}

typedef int exec_function(const char *, const char *, char *const[], char *const[]);

/* has_environment: that of the program stands behind the NULL, else it is this program's */
static int exec_list(exec_function *exec, const char *call, const char *path, const char *first,
                     va_list *arguments, bool has_environment)
{
    struct ps_arguments list;
    int result;

    if (!list_begin(&list, first, arguments))
        return -1;
    result = exec(call, path, list.argv, has_environment ? va_arg(*arguments, char **) : environ);
    ps_arguments_end(&list);
    return result;
}

HOOK(int, execl, (const char *path, const char *first, ...))
{
    va_list arguments;
    int result;

    va_start(arguments, first);
    result = exec_list(exec_file, "execl", path, first, &arguments, false);
    va_end(arguments);
    return result;
}

HOOK(int, execlp, (const char *name, const char *first, ...))
{
    va_list arguments;
    int result;

    va_start(arguments, first);
    result = exec_list(exec_name, "execlp", name, first, &arguments, false);
    va_end(arguments);
    return result;
}

HOOK(int, execle, (const char *path, const char *first, ...))
{
    va_list arguments;
    int result;

    va_start(arguments, first);
    result = exec_list(exec_file, "execle", path, first, &arguments, true);
    va_end(arguments);
    return result;
}

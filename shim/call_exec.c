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

/* The kernel said that the file is no program: is it the proxy of one? A negative errno */
static long exec_proxy(const struct ps_run *run, char *const argv[])
{
    int fd = ps_run_proxy(run);
    long result;

    if (fd < 0)
        return fd;
    result =
        sys_call6(SYS_execveat, fd, (long)"", (long)argv, (long)run->environment, AT_EMPTY_PATH, 0);
    sys_close(fd);
    return result;
}

static bool ready(struct ps_run *run)
{
    if (!ps_run_ready(run))
        return false;
    ps_file_lock_exec(true);
    return true;
}

/* The program was not run. */
static int not_run(struct ps_run *run, long result)
{
    ps_file_lock_exec(false);
    ps_run_end(run);
    return (int)ps_result(result);
}

static int exec_supervised(struct ps_run *run)
{
    return not_run(run,
                   sys_call3(SYS_execve, run->supervisor, run->arguments.argv, run->environment));
}

static int exec_file(const char *call, const char *path, char *const argv[], char *const envp[])
{
    struct ps_run run = {
        .call = call, .path = path, .dir = AT_FDCWD, .argv = argv, .environment = envp};
    long result;

    if (!ready(&run))
        return -1;
    if (run.supervisor != NULL)
        return exec_supervised(&run);
    result = sys_call3(SYS_execve, path, argv, run.environment);
    return not_run(&run, result == -ENOEXEC ? exec_proxy(&run, argv) : result);
}

static int exec_name(const char *call, const char *name, char *const argv[], char *const envp[])
{
    struct ps_run run = {.call = call,
                         .path = name,
                         .dir = AT_FDCWD,
                         .searches = true,
                         .argv = argv,
                         .environment = envp};
    long result;

    if (!ready(&run))
        return -1;
    if (run.supervisor != NULL)
        return exec_supervised(&run);
    result = exec_proxy(&run, argv); /* first: of a text, libc would have a shell run it */
    if (result == -ENOEXEC && REAL(execvpe)(name, argv, run.environment) < 0)
        result = -errno;
    return not_run(&run, result);
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

/* By a descriptor: psctl might not get it, as exec closes most. */
HOOK(int, fexecve, (int fd, char *const argv[], char *const envp[]))
{
    char path[PS_FD_PATH];
    struct ps_run run = {.call = "fexecve", .path = path, .dir = AT_FDCWD, .environment = envp};

    ps_fd_path_of(path, sys_gettid(), fd);
    if (!ready(&run))
        return -1;
    REAL(fexecve)(fd, argv, run.environment);
    return not_run(&run, -errno);
}

/* glibc 2.34 and later */
HOOK(int, execveat, (int dir, const char *path, char *const argv[], char *const envp[], int flags))
{
    char own[PS_FD_PATH], first;
    struct ps_run run = {.call = "execveat", .path = path, .dir = dir, .environment = envp};
    long result;

    if ((flags & AT_EMPTY_PATH) && ps_peek(&first, path, 1) == 0 && first == '\0')
        run.path = ps_fd_path_of(own, sys_gettid(), dir);
    if (!ready(&run))
        return -1;
    result = sys_call6(SYS_execveat, dir, (long)path, (long)argv, (long)run.environment, flags, 0);
    return not_run(&run, result == -ENOEXEC ? exec_proxy(&run, argv) : result);
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

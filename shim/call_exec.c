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
#include "hook.h"
#include "peek.h"
#include "real.h"
#include "run.h"

/* --- exec ------------------------------------------------------------------------------ */

static int exec_supervised(struct ps_run *run)
{
    int result = (int)ps_result(
        sys_call3(SYS_execve, run->supervisor, run->arguments.argv, run->environment));

    ps_run_end(run);
    return result;
}

static int exec_file(const char *call, const char *path, char *const argv[], char *const envp[])
{
    struct ps_run run = {
        .call = call, .path = path, .dir = AT_FDCWD, .argv = argv, .environment = envp};

    if (!ps_run_ready(&run))
        return -1;
    return run.supervisor != NULL ? exec_supervised(&run)
                                  : (int)ps_result(sys_call3(SYS_execve, path, argv, envp));
}

static int exec_name(const char *call, const char *name, char *const argv[], char *const envp[])
{
    struct ps_run run = {.call = call,
                         .path = name,
                         .dir = AT_FDCWD,
                         .searches = true,
                         .argv = argv,
                         .environment = envp};

    if (!ps_run_ready(&run))
        return -1;
    return run.supervisor != NULL ? exec_supervised(&run) : REAL(execvpe)(name, argv, envp);
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
    return ps_run_ready(&run) ? REAL(fexecve)(fd, argv, envp) : -1;
}

/* glibc 2.34 and later */
HOOK(int, execveat, (int dir, const char *path, char *const argv[], char *const envp[], int flags))
{
    char own[PS_FD_PATH], first;
    struct ps_run run = {.call = "execveat", .path = path, .dir = dir, .environment = envp};

    if ((flags & AT_EMPTY_PATH) && ps_peek(&first, path, 1) == 0 && first == '\0')
        run.path = ps_fd_path_of(own, sys_gettid(), dir);
    if (!ps_run_ready(&run))
        return -1;
    return (int)ps_result(
        sys_call6(SYS_execveat, dir, (long)path, (long)argv, (long)envp, flags, 0));
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

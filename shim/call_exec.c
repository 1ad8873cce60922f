/*
 * call_exec.c: programs that are run in the place of this one, or beside it
 *
 * A program with libps goes on with the images that it inherits as they are.
 * One without it would read their holes: for that they are made whole first,
 * and where that can't be, it is not run (EIO). libc's functions call each
 * other by ways that nobody sees, so each name is hooked.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wordexp.h>

#include "base/sys.h"
#include "base/text.h"
#include "hook.h"
#include "inherit.h"
#include "peek.h"
#include "program.h"
#include "real.h"

struct run {
    const char *call;
    const char *path;
    int dir;       /* where path begins */
    bool searches; /* path is a name, which PATH leads to a file */
    char *const *environment;
    bool acts; /* by file actions it may get copies of descriptors, and another folder */
};

/* Does its path begin in this process's folder, which may not be the program's? */
static bool is_relative(const struct run *run)
{
    return run->path[0] != '/' && (!run->searches || strchr(run->path, '/') != NULL);
}

static bool is_unaware(const struct run *run)
{
    if (run->path == NULL)
        return false; /* EFAULT */
    if (!ps_program_preloads(run->environment) || (run->acts && is_relative(run)))
        return true;
    return (run->searches ? ps_program_search(run->path, run->acts)
                          : ps_program_judge(run->dir, run->path)) == PS_PROGRAM_UNAWARE;
}

/* 0, or EIO */
static int prepare(const struct run *run)
{
    if (ps_guard_held() || !ps_inherit_any() || !is_unaware(run))
        return 0;
    return ps_inherit_whole(run->acts, run->call) < 0 ? EIO : 0;
}

/* Before a function that fails by errno */
static bool is_ready(const struct run *run)
{
    int result = prepare(run);

    if (result != 0)
        errno = result;
    return result == 0;
}

/* --- exec ------------------------------------------------------------------------------ */

static int exec_file(const char *call, const char *path, char *const argv[], char *const envp[])
{
    struct run run = {call, path, AT_FDCWD, false, envp, false};

    return is_ready(&run) ? (int)ps_result(sys_call3(SYS_execve, path, argv, envp)) : -1;
}

static int exec_name(const char *call, const char *name, char *const argv[], char *const envp[])
{
    struct run run = {call, name, AT_FDCWD, true, envp, false};

    return is_ready(&run) ? REAL(execvpe)(name, argv, envp) : -1;
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

HOOK(int, fexecve, (int fd, char *const argv[], char *const envp[]))
{
    char path[PS_FD_PATH];
    struct run run = {"fexecve", path, AT_FDCWD, false, envp, false};

    ps_fd_path_of(path, sys_gettid(), fd);
    return is_ready(&run) ? REAL(fexecve)(fd, argv, envp) : -1;
}

/* glibc 2.34 and later */
HOOK(int, execveat, (int dir, const char *path, char *const argv[], char *const envp[], int flags))
{
    char own[PS_FD_PATH], first;
    struct run run = {"execveat", path, dir, false, envp, false};

    if ((flags & AT_EMPTY_PATH) && ps_peek(&first, path, 1) == 0 && first == '\0')
        run.path = ps_fd_path_of(own, sys_gettid(), dir);
    if (!is_ready(&run))
        return -1;
    return (int)ps_result(
        sys_call6(SYS_execveat, dir, (long)path, (long)argv, (long)envp, flags, 0));
}

/* --- lists of arguments ------------------------------------------------------------------ */

enum { FEW = 128 };

/*
 * The arguments of execl and its kin, which may run in a vforked child: memory
 * that is mapped there stays its parent's, so it is for very long lists only.
 */
struct list {
    char *few[FEW];
    char **argv;
    size_t mapped; /* bytes, or 0 */
};

/* To behind the NULL that ends them; false: errno */
static bool list_begin(struct list *list, const char *first, va_list *arguments)
{
    size_t count = first != NULL;
    va_list again;

    va_copy(again, *arguments);
    while (count > 0 && va_arg(*arguments, char *) != NULL)
        count++;
    list->argv = list->few;
    list->mapped = 0;
    if (count >= FEW) {
        list->mapped = (count + 1) * sizeof(char *);
        list->argv = sys_mmap(NULL, list->mapped, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    if (is_sys_error(list->argv)) {
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
    struct list list;
    int result;

    if (!list_begin(&list, first, arguments))
        return -1;
    result = exec(call, path, list.argv, has_environment ? va_arg(*arguments, char **) : environ);
    if (list.mapped > 0)
        sys_munmap(list.argv, list.mapped);
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

/* --- beside this program ------------------------------------------------------------------- */

/* Their child runs inside libc, in this memory: all is done before. They return an errno. */
HOOK(int, posix_spawn,
     (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]))
{
    struct run run = {"posix_spawn", path, AT_FDCWD, false, envp, actions != NULL};
    int result = prepare(&run);

    return result != 0 ? result : REAL(posix_spawn)(pid, path, actions, attributes, argv, envp);
}

HOOK(int, posix_spawnp,
     (pid_t * pid, const char *name, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]))
{
    struct run run = {"posix_spawnp", name, AT_FDCWD, true, envp, actions != NULL};
    int result = prepare(&run);

    return result != 0 ? result : REAL(posix_spawnp)(pid, name, actions, attributes, argv, envp);
}

/* glibc 2.39 and later */
HOOK(int, pidfd_spawn,
     (int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]))
{
    struct run run = {"pidfd_spawn", path, AT_FDCWD, false, envp, actions != NULL};
    __typeof__(ps_hook_pidfd_spawn) *real = ps_real_late("pidfd_spawn");
    int result = real != NULL ? prepare(&run) : ENOSYS;

    return result != 0 ? result : real(pidfd, path, actions, attributes, argv, envp);
}

HOOK(int, pidfd_spawnp,
     (int *pidfd, const char *name, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]))
{
    struct run run = {"pidfd_spawnp", name, AT_FDCWD, true, envp, actions != NULL};
    __typeof__(ps_hook_pidfd_spawnp) *real = ps_real_late("pidfd_spawnp");
    int result = real != NULL ? prepare(&run) : ENOSYS;

    return result != 0 ? result : real(pidfd, name, actions, attributes, argv, envp);
}

static bool is_shell_ready(const char *call)
{
    struct run run = {call, "/bin/sh", AT_FDCWD, false, environ, false};

    return is_ready(&run);
}

HOOK(int, system, (const char *command))
{
    return command == NULL || is_shell_ready("system") ? REAL(system)(command) : -1;
}

HOOK(void *, popen, (const char *command, const char *mode))
{
    return is_shell_ready("popen") ? REAL(popen)(command, mode) : NULL;
}
ALIAS(void *, _IO_popen, popen, (const char *, const char *));

/* Words without a command are expanded all the same; with one it is WRDE_CMDSUB. */
HOOK(int, wordexp, (const char *words, wordexp_t *result, int flags))
{
    if (!(flags & WRDE_NOCMD) && !is_shell_ready("wordexp"))
        flags |= WRDE_NOCMD;
    return REAL(wordexp)(words, result, flags);
}

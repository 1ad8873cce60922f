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

#include "base/hold.h"
#include "base/sys.h"
#include "base/text.h"
#include "environment.h"
#include "executable.h"
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

static enum ps_program judge(const struct run *run)
{
    if (run->acts && is_relative(run))
        return PS_PROGRAM_UNAWARE;
    return run->searches ? ps_program_search(run->path, run->acts)
                         : ps_program_judge(run->dir, run->path);
}

/*
 * 0, or EIO
 *
 * room: for the program's environment, if it has to get libps again; NULL:
 * libc will give it this one.
 */
static int prepare(struct run *run, struct ps_environment *room)
{
    bool lacks = ps_environment_lacks(run->environment), preloads;
    enum ps_program program;

    if (room != NULL)
        room->mapped = 0;
    /* without a path: EFAULT */
    if (ps_guard_held() || run->path == NULL || (!lacks && !ps_inherit_any()))
        return 0;
    program = judge(run);
    if (lacks && room != NULL && program == PS_PROGRAM_AWARE &&
        ps_environment_add(room, run->environment))
        run->environment = room->list;
    if (!ps_inherit_any())
        return 0;
    preloads = ps_program_preloads(run->environment);
    if (preloads && program != PS_PROGRAM_UNAWARE)
        return 0;
    return ps_inherit_whole(run->acts, run->call) < 0 ? EIO : 0;
}

/* Before a function that fails by errno */
static bool is_ready(struct run *run, struct ps_environment *room)
{
    int result = prepare(run, room);

    if (result != 0) {
        ps_environment_drop(room);
        errno = result;
    }
    return result == 0;
}

/* The program was not run. */
static int not_run(struct ps_environment *room, long result)
{
    ps_environment_drop(room);
    return (int)ps_result(result);
}

/* --- exec ------------------------------------------------------------------------------ */

/* The kernel said that the file is no program: is it the proxy of one? A negative errno */
static long exec_proxy(const struct run *run, char *const argv[])
{
    int fd = run->searches ? ps_executable_search(run->path) : ps_executable(run->dir, run->path);
    long result;

    if (fd < 0)
        return fd;
    result =
        sys_call6(SYS_execveat, fd, (long)"", (long)argv, (long)run->environment, AT_EMPTY_PATH, 0);
    sys_close(fd);
    return result;
}

static int exec_file(const char *call, const char *path, char *const argv[], char *const envp[])
{
    struct run run = {call, path, AT_FDCWD, false, envp, false};

    struct ps_environment room;
    long result;

    if (!is_ready(&run, &room))
        return -1;
    result = sys_call3(SYS_execve, path, argv, run.environment);
    return not_run(&room, result == -ENOEXEC ? exec_proxy(&run, argv) : result);
}

static int exec_name(const char *call, const char *name, char *const argv[], char *const envp[])
{
    struct run run = {call, name, AT_FDCWD, true, envp, false};

    struct ps_environment room;
    long result = -ENOEXEC;

    if (!is_ready(&run, &room))
        return -1;
    if (name != NULL && !ps_guard_held())
        result = exec_proxy(&run, argv); /* first: of a text, libc would have a shell run it */
    if (result == -ENOEXEC && REAL(execvpe)(name, argv, run.environment) < 0)
        result = -errno;
    return not_run(&room, result);
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

    struct ps_environment room;

    ps_fd_path_of(path, sys_gettid(), fd);
    if (!is_ready(&run, &room))
        return -1;
    REAL(fexecve)(fd, argv, run.environment);
    return not_run(&room, -errno);
}

/* glibc 2.34 and later */
HOOK(int, execveat, (int dir, const char *path, char *const argv[], char *const envp[], int flags))
{
    char own[PS_FD_PATH], first;
    struct run run = {"execveat", path, dir, false, envp, false};
    struct ps_environment room;

    if ((flags & AT_EMPTY_PATH) && ps_peek(&first, path, 1) == 0 && first == '\0')
        run.path = ps_fd_path_of(own, sys_gettid(), dir);
    long result;

    if (!is_ready(&run, &room))
        return -1;
    result = sys_call6(SYS_execveat, dir, (long)path, (long)argv, (long)run.environment, flags, 0);
    return not_run(&room, result == -ENOEXEC ? exec_proxy(&run, argv) : result);
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

typedef int spawn_function(void *, const char *, const posix_spawn_file_actions_t *,
                           const posix_spawnattr_t *, char *const[], char *const[]);

/* What a program is run with, besides itself */
struct spawn {
    void *id; /* pid_t or descriptor */
    const posix_spawn_file_actions_t *actions;
    const posix_spawnattr_t *attributes;
    char *const *argv;
};

/* As exec_proxy. The child has its number as long as no action takes it. */
static int spawn_proxy(spawn_function *by_path, const struct run *run, const struct spawn *spawn)
{
    char path[PS_FD_PATH];
    int fd, result;

    if (run->acts && is_relative(run))
        return ENOEXEC;
    fd = run->searches ? ps_executable_search(run->path) : ps_executable(run->dir, run->path);
    if (fd >= 0)
        fd = ps_hold(fd, !(sys_fcntl(fd, F_GETFD, 0) & FD_CLOEXEC));
    if (fd < 0)
        return -fd;
    result = by_path(spawn->id, ps_fd_path(path, fd), spawn->actions, spawn->attributes,
                     spawn->argv, run->environment);
    ps_unhold(fd);
    return result;
}

/*
 * Their child runs inside libc, in this memory: all is done before. They return an errno.
 * by_path: the function that does not search, for a proxy.
 */
static int run_beside(spawn_function *real, spawn_function *by_path, struct run *run,
                      const struct spawn *spawn)
{
    struct ps_environment room = {.mapped = 0};
    int result = real != NULL && by_path != NULL ? prepare(run, &room) : ENOSYS;

    if (result == 0)
        result = real(spawn->id, run->path, spawn->actions, spawn->attributes, spawn->argv,
                      run->environment);
    if (result == ENOEXEC && !ps_guard_held())
        result = spawn_proxy(by_path, run, spawn);
    ps_environment_drop(&room);
    return result;
}

static spawn_function *late(const char *name)
{
    void *found = ps_real_late(name);
    spawn_function *function;

    memcpy(&function, &found, sizeof(function));
    return function;
}

#define SPAWN(name, first, searches, real, by_path)                                                \
    HOOK(int, name,                                                                                \
         (first * id, const char *path, const posix_spawn_file_actions_t *actions,                 \
          const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]))            \
    {                                                                                              \
        struct run run = {#name, path, AT_FDCWD, searches, envp, actions != NULL};                 \
        struct spawn spawn = {id, actions, attributes, argv};                                      \
                                                                                                   \
        return run_beside(real, by_path, &run, &spawn);                                            \
    }

SPAWN(posix_spawn, pid_t, false, REAL(posix_spawn), REAL(posix_spawn))
SPAWN(posix_spawnp, pid_t, true, REAL(posix_spawnp), REAL(posix_spawn))

/* glibc 2.39 and later */
SPAWN(pidfd_spawn, int, false, late("pidfd_spawn"), late("pidfd_spawn"))
SPAWN(pidfd_spawnp, int, true, late("pidfd_spawnp"), late("pidfd_spawn"))

static bool is_shell_ready(const char *call)
{
    struct run run = {call, "/bin/sh", AT_FDCWD, false, environ, false};
    int result = prepare(&run, NULL);

    if (result != 0)
        errno = result;
    return result == 0;
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

/* call_spawn.c: programs that are run beside this one: see run.h */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>
#include <wordexp.h>

#include "base/hold.h"
#include "base/sys.h"
#include "base/text.h"
#include "hook.h"
#include "real.h"
#include "run.h"

typedef int spawn_function(void *, const char *, const posix_spawn_file_actions_t *,
                           const posix_spawnattr_t *, char *const[], char *const[]);

/* What a program is run with, besides itself */
struct spawn {
    void *id; /* pid_t or descriptor */
    const posix_spawn_file_actions_t *actions;
    const posix_spawnattr_t *attributes;
};

/* As exec_proxy. The child has its number as long as no action takes it. */
static int spawn_proxy(spawn_function *by_path, const struct ps_run *run, const struct spawn *spawn)
{
    char path[PS_FD_PATH];
    int fd = ps_run_proxy(run), result;

    if (fd >= 0)
        fd = ps_hold(fd, !(sys_fcntl(fd, F_GETFD, 0) & FD_CLOEXEC));
    if (fd < 0)
        return -fd;
    result = by_path(spawn->id, ps_fd_path(path, fd), spawn->actions, spawn->attributes, run->argv,
                     run->environment);
    ps_unhold(fd);
    return result;
}

/*
 * Their child runs inside libc, in this memory: all is done before. They return an errno.
 * by_path: the function that does not search, for a proxy, or for psctl.
 */
static int run_beside(spawn_function *real, spawn_function *by_path, struct ps_run *run,
                      const struct spawn *spawn)
{
    int result = real != NULL && by_path != NULL ? ps_run_prepare(run) : ENOSYS;

    if (result != 0)
        return result;
    if (run->supervisor != NULL)
        result = by_path(spawn->id, run->supervisor, spawn->actions, spawn->attributes,
                         run->arguments.argv, run->environment);
    else
        result = real(spawn->id, run->path, spawn->actions, spawn->attributes, run->argv,
                      run->environment);
    if (result == ENOEXEC && run->supervisor == NULL)
        result = spawn_proxy(by_path, run, spawn);
    ps_run_end(run);
    return result;
}

static spawn_function *late(const char *name)
{
    void *found = ps_real_late(name);
    spawn_function *function;

    memcpy(&function, &found, sizeof(function));
    return function;
}

#define SPAWN(name, id_type, by_name, real, by_path)                                               \
    HOOK(int, name,                                                                                \
         (id_type * id, const char *file, const posix_spawn_file_actions_t *actions,               \
          const posix_spawnattr_t *attributes, char *const arguments[], char *const envp[]))       \
    {                                                                                              \
        struct ps_run run = {.call = #name,                                                        \
                             .path = file,                                                         \
                             .dir = AT_FDCWD,                                                      \
                             .searches = by_name,                                                  \
                             .argv = arguments,                                                    \
                             .environment = envp,                                                  \
                             .acts = actions != NULL};                                             \
        struct spawn spawn = {id, actions, attributes};                                            \
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
    struct ps_run run = {
        .call = call, .path = "/bin/sh", .dir = AT_FDCWD, .environment = environ, .has_own = true};

    return ps_run_ready(&run);
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

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
    spawn_function *real, *by_path; /* the function that does not search: for a proxy, and psctl */
    void *id;                       /* pid_t or descriptor */
    const posix_spawn_file_actions_t *actions;
    const posix_spawnattr_t *attributes;
};

static int spawn_now(const struct spawn *spawn, spawn_function *function, const char *path,
                     char *const argv[], const struct ps_run *run)
{
    return function(spawn->id, path, spawn->actions, spawn->attributes, argv, run->environment);
}

/* As exec_proxy. The child has its number as long as no action takes it. */
static int spawn_copy(const struct spawn *spawn, const struct ps_run *run, int fd)
{
    char path[PS_FD_PATH];
    int result;

    fd = ps_hold(fd, !(sys_fcntl(fd, F_GETFD, 0) & FD_CLOEXEC));
    if (fd < 0)
        return -fd;
    result = spawn_now(spawn, spawn->by_path, ps_fd_path(path, fd), run->argv, run);
    ps_unhold(fd);
    return result;
}

static int spawn_supervisor(const struct spawn *spawn, const struct ps_run *run)
{
    return spawn_now(spawn, spawn->by_path, run->supervisor, run->room->arguments.argv, run);
}

/* Is it the proxy of a program? First, as file actions can't be done again. */
static int spawn_program(const struct spawn *spawn, struct ps_run *run)
{
    int fd = ps_run_proxy(run);

    if (fd == -ENOEXEC)
        return spawn_now(spawn, spawn->real, run->path, run->argv, run);
    if (fd < 0)
        return -fd;
    return run->supervisor != NULL ? spawn_supervisor(spawn, run) : spawn_copy(spawn, run, fd);
}

/* As exec_prepared */
__attribute__((noinline)) static int spawn_prepared(const struct spawn *spawn, struct ps_run *run)
{
    struct ps_run_room room;
    int result = ps_run_prepare(run, &room);

    if (result != 0)
        return result;
    result = run->supervisor != NULL ? spawn_supervisor(spawn, run) : spawn_program(spawn, run);
    ps_run_end(run);
    return result;
}

/* Their child runs inside libc, in this memory: all is done before. They return an errno. */
static int run_beside(const struct spawn *spawn, struct ps_run *run)
{
    if (spawn->real == NULL || spawn->by_path == NULL)
        return ENOSYS;
    return ps_run_is_plain(run) ? spawn_program(spawn, run) : spawn_prepared(spawn, run);
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
        struct spawn spawn = {real, by_path, id, actions, attributes};                             \
                                                                                                   \
        return run_beside(&spawn, &run);                                                           \
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

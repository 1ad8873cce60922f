/* call_spawn.c: programs that are run beside this one: see run.h */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>
#include <wordexp.h>

#include "hook.h"
#include "real.h"
#include "run.h"

typedef int spawn_function(pid_t *, const char *, const void *, const void *, char *const[],
                           char *const[]);

struct spawn {
    spawn_function *real, *by_path; /* the latter for psctl */
    pid_t *pid;
    const void *actions, *attributes;
};

/* Their child runs inside libc, in this memory: all is done before. They return an errno. */
static int spawn(struct ps_run *run, const struct spawn *spawn)
{
    int result;

    run->dir = AT_FDCWD;
    run->acts = spawn->actions != NULL;
    result = spawn->real != NULL ? ps_run_prepare(run) : ENOSYS;
    if (result != 0)
        return result;
    if (run->supervisor == NULL)
        return spawn->real(spawn->pid, run->path, spawn->actions, spawn->attributes, run->argv,
                           run->environment);
    result = spawn->by_path(spawn->pid, run->supervisor, spawn->actions, spawn->attributes,
                            run->arguments.argv, run->environment);
    ps_run_end(run);
    return result;
}

HOOK(int, posix_spawn,
     (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]))
{
    struct ps_run run = {.call = "posix_spawn", .path = path, .argv = argv, .environment = envp};

    return spawn(&run,
                 &(struct spawn){REAL(posix_spawn), REAL(posix_spawn), pid, actions, attributes});
}

HOOK(int, posix_spawnp,
     (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]))
{
    struct ps_run run = {
        .call = "posix_spawnp", .path = path, .searches = true, .argv = argv, .environment = envp};

    return spawn(&run,
                 &(struct spawn){REAL(posix_spawnp), REAL(posix_spawn), pid, actions, attributes});
}

/* glibc 2.39 and later */
HOOK(int, pidfd_spawn,
     (int *pid, const char *path, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]))
{
    struct ps_run run = {.call = "pidfd_spawn", .path = path, .argv = argv, .environment = envp};

    return spawn(&run, &(struct spawn){ps_real_late("pidfd_spawn"), ps_real_late("pidfd_spawn"),
                                       pid, actions, attributes});
}

HOOK(int, pidfd_spawnp,
     (int *pid, const char *path, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]))
{
    struct ps_run run = {
        .call = "pidfd_spawnp", .path = path, .searches = true, .argv = argv, .environment = envp};

    return spawn(&run, &(struct spawn){ps_real_late("pidfd_spawnp"), ps_real_late("pidfd_spawn"),
                                       pid, actions, attributes});
}

static bool is_shell_ready(const char *call)
{
    struct ps_run run = {.call = call, .path = "/bin/sh", .dir = AT_FDCWD, .environment = environ};

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

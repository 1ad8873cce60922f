/* run.c: see run.h */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/guard.h"
#include "base/sys.h"
#include "base/text.h"
#include "executable.h"
#include "file_lock.h"
#include "inherit.h"
#include "program.h"

bool ps_arguments_begin(struct ps_arguments *arguments, size_t count)
{
    arguments->argv = arguments->few;
    arguments->mapped = 0;
    if (count >= PS_FEW_ARGUMENTS) {
        arguments->mapped = (count + 1) * sizeof(char *);
        arguments->argv = sys_mmap(NULL, arguments->mapped, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    return !is_sys_error(arguments->argv);
}

void ps_arguments_end(struct ps_arguments *arguments)
{
    if (arguments->mapped > 0)
        sys_munmap(arguments->argv, arguments->mapped);
}

/* Those by which psctl runs path, with the name that the program is to see; false: no memory */
static bool supervise(struct ps_run *run, const char *path)
{
    char *const *argv = run->argv;
    const char *before[] = {run->supervisor, "run", "--argv0", "", "--", path};
    enum { BEFORE = sizeof(before) / sizeof(before[0]), NAME = 3 };
    size_t count = 0;

    while (argv[count] != NULL)
        count++;
    if (!ps_arguments_begin(&run->arguments, BEFORE + count))
        return false;
    if (count > 0)
        before[NAME] = argv[0];
    for (size_t i = 0; i < BEFORE; i++)
        run->arguments.argv[i] = (char *)(uintptr_t)before[i];
    for (size_t i = 1; i < count; i++)
        run->arguments.argv[BEFORE + i - 1] = argv[i];
    run->arguments.argv[BEFORE + (count > 0 ? count - 1 : 0)] = NULL;
    return true;
}

/* Does its path begin in this process's folder, which may not be the program's? */
static bool is_relative(const struct ps_run *run)
{
    return run->path[0] != '/' && (!run->searches || strchr(run->path, '/') != NULL);
}

static enum ps_program judge(struct ps_run *run)
{
    if (run->acts && is_relative(run))
        return PS_PROGRAM_UNAWARE;
    return run->searches ? ps_program_search(run->path, run->acts, run->found)
                         : ps_program_judge(run->dir, run->path);
}

static bool can_be_aware(enum ps_program program)
{
    return program == PS_PROGRAM_AWARE || program == PS_PROGRAM_FOREIGN;
}

/* Of what is not in its environment, the program knows nothing. */
static enum ps_program judge_with_environment(struct ps_run *run, bool lacks)
{
    enum ps_program program = judge(run);

    if (lacks && can_be_aware(program) && ps_environment_add(&run->room, run->environment))
        run->environment = run->room.list;
    return program == PS_PROGRAM_NONE || ps_program_preloads(run->environment) ? program
                                                                               : PS_PROGRAM_UNAWARE;
}

/* 0 or an errno */
static int prepare(struct ps_run *run, bool lacks, bool any)
{
    enum ps_program program = judge_with_environment(run, lacks);

    if (program < PS_PROGRAM_UNAWARE) {
        ps_file_lock_share(run->acts);
        return 0;
    }
    if (any && ps_inherit_whole(run->acts, run->call) < 0)
        return EIO;
    if (program != PS_PROGRAM_FOREIGN || run->argv == NULL)
        return 0;
    run->supervisor = ps_program_supervisor(run->environment);
    if (run->supervisor == NULL)
        return 0;
    return supervise(run, run->searches ? run->found : run->path) ? 0 : ENOMEM;
}

int ps_run_prepare(struct ps_run *run)
{
    bool lacks = !run->has_own && ps_environment_lacks(run->environment), any;
    int result;

    run->supervisor = NULL;
    run->arguments.mapped = 0;
    run->room.mapped = 0;
    if (ps_guard_held() || run->path == NULL) /* EFAULT */
        return 0;
    any = ps_inherit_any();
    if (!lacks && !any && (run->argv == NULL || ps_program_supervisor(run->environment) == NULL))
        return 0;
    result = prepare(run, lacks, any);
    if (result != 0)
        ps_run_end(run);
    return result;
}

void ps_run_end(struct ps_run *run)
{
    ps_arguments_end(&run->arguments);
    ps_environment_drop(&run->room);
}

/* What was judged was the proxy's own file, not this program. */
static bool is_ready(const struct ps_run *run, int fd)
{
    char path[PS_FD_PATH];

    return !ps_inherit_any() ||
           (ps_program_preloads(run->environment) &&
            ps_program_judge(AT_FDCWD, ps_fd_path_of(path, sys_gettid(), fd)) ==
                PS_PROGRAM_AWARE) ||
           ps_inherit_whole(run->acts, run->call) == 0;
}

int ps_run_proxy(const struct ps_run *run)
{
    int fd;

    if (run->path == NULL || ps_guard_held() || (run->acts && is_relative(run)))
        return -ENOEXEC;
    fd = run->searches ? ps_executable_search(run->path) : ps_executable(run->dir, run->path);
    if (fd < 0 || is_ready(run, fd))
        return fd;
    sys_close(fd);
    return -EIO;
}

bool ps_run_ready(struct ps_run *run)
{
    int result = ps_run_prepare(run);

    if (result != 0)
        errno = result;
    return result == 0;
}

/* run.c: see run.h */
#include "run.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/guard.h"
#include "base/sys.h"
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
    if (run->path == NULL)
        return PS_PROGRAM_NONE; /* EFAULT */
    if (!ps_program_preloads(run->environment) || (run->acts && is_relative(run)))
        return PS_PROGRAM_UNAWARE;
    return run->searches ? ps_program_search(run->path, run->acts, run->found)
                         : ps_program_judge(run->dir, run->path);
}

int ps_run_prepare(struct ps_run *run)
{
    const char *supervisor;
    enum ps_program program;
    bool any;

    run->supervisor = NULL;
    if (ps_guard_held())
        return 0;
    any = ps_inherit_any();
    supervisor = run->argv != NULL ? ps_program_supervisor(run->environment) : NULL;
    if (!any && supervisor == NULL)
        return 0;
    program = judge(run);
    if (program < PS_PROGRAM_UNAWARE)
        return 0;
    if (any && ps_inherit_whole(run->acts, run->call) < 0)
        return EIO;
    if (program != PS_PROGRAM_FOREIGN || supervisor == NULL)
        return 0;
    run->supervisor = supervisor;
    return supervise(run, run->searches ? run->found : run->path) ? 0 : ENOMEM;
}

void ps_run_end(struct ps_run *run)
{
    if (run->supervisor != NULL)
        ps_arguments_end(&run->arguments);
}

bool ps_run_ready(struct ps_run *run)
{
    int result = ps_run_prepare(run);

    if (result != 0)
        errno = result;
    return result == 0;
}

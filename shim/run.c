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
#include "peek.h"
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

bool ps_run_psctl(struct ps_arguments *arguments, const char *psctl, const char *path,
                  char *const argv[])
{
    const char *before[] = {psctl, "run", "--argv0", "", "--", path};
    enum { BEFORE = sizeof(before) / sizeof(before[0]), NAME = 3 };
    size_t count = 0;

    while (argv[count] != NULL)
        count++;
    if (!ps_arguments_begin(arguments, BEFORE + count))
        return false;
    if (count > 0)
        before[NAME] = argv[0];
    for (size_t i = 0; i < BEFORE; i++)
        arguments->argv[i] = (char *)(uintptr_t)before[i];
    for (size_t i = 1; i < count; i++)
        arguments->argv[BEFORE + i - 1] = argv[i];
    arguments->argv[BEFORE + (count > 0 ? count - 1 : 0)] = NULL;
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
    return run->searches ? ps_program_search(run->path, run->acts, run->room->found)
                         : ps_program_judge(run->dir, run->path);
}

/* With it the program will have libps, or be supervised. Else its environment stays as it is. */
static bool add_libps(struct ps_run *run, enum ps_program program)
{
    bool can = program == PS_PROGRAM_AWARE || (program == PS_PROGRAM_FOREIGN && run->argv != NULL);
    struct ps_environment *more = &run->room->environment;

    if (!can || !ps_environment_add(more, run->environment))
        return false;
    if (ps_program_preloads(more->list) &&
        (program == PS_PROGRAM_AWARE || ps_program_supervisor(more->list) != NULL)) {
        run->environment = more->list;
        run->lacks = false;
        return true;
    }
    ps_environment_drop(more);
    return false;
}

/* Of what is not in its environment, the program knows nothing. */
static enum ps_program with_environment(struct ps_run *run, enum ps_program program)
{
    if ((run->lacks && add_libps(run, program)) || program == PS_PROGRAM_NONE ||
        ps_program_preloads(run->environment))
        return program;
    return PS_PROGRAM_UNAWARE;
}

static bool has_bad_pointer(const struct ps_run *run)
{
    uintptr_t page = UINTPTR_MAX;

    return !ps_peek_list(run->environment, true) || !ps_peek_page(run->path, &page);
}

bool ps_run_is_plain(struct ps_run *run)
{
    run->is_bad = run->lacks = run->any = false;
    run->room = NULL;
    run->supervisor = NULL;
    if (ps_guard_held() || run->path == NULL)
        return true;
    run->is_bad = has_bad_pointer(run);
    if (run->is_bad)
        return true;
    run->lacks = !run->has_own && ps_environment_lacks(run->environment);
    run->any = ps_inherit_any();
    return !run->lacks && !run->any &&
           (run->argv == NULL || ps_program_supervisor(run->environment) == NULL);
}

/* 0 or an errno */
static int settle(struct ps_run *run, enum ps_program program)
{
    if (program < PS_PROGRAM_UNAWARE) {
        ps_file_lock_share(run->acts);
        return 0;
    }
    if (run->any && ps_inherit_whole(run->acts, run->call) < 0)
        return EIO;
    if (program != PS_PROGRAM_FOREIGN || run->argv == NULL || !ps_peek_list(run->argv, false))
        return 0;
    run->supervisor = ps_program_supervisor(run->environment);
    if (run->supervisor == NULL)
        return 0;
    return ps_run_psctl(&run->room->arguments, run->supervisor,
                        run->searches ? run->room->found : run->path, run->argv)
               ? 0
               : ENOMEM;
}

int ps_run_prepare(struct ps_run *run, struct ps_run_room *room)
{
    int result;

    run->room = room;
    room->arguments.mapped = 0;
    room->environment.mapped = 0;
    result = settle(run, with_environment(run, judge(run)));
    if (result != 0)
        ps_run_end(run);
    return result;
}

void ps_run_end(struct ps_run *run)
{
    ps_arguments_end(&run->room->arguments);
    ps_environment_drop(&run->room->environment);
}

/* What was judged was the proxy's own file, not this program. 0 or an errno */
static int settle_proxy(struct ps_run *run, int fd)
{
    char path[PS_FD_PATH];

    run->any = ps_inherit_any();
    if (!run->any && run->room == NULL)
        return 0;
    ps_fd_path_of(path, sys_gettid(), fd);
    return settle(run, with_environment(run, ps_program_judge(AT_FDCWD, path)));
}

int ps_run_proxy(struct ps_run *run)
{
    int fd, result;

    if (run->path == NULL || run->is_bad || ps_guard_held() || (run->acts && is_relative(run)))
        return -ENOEXEC;
    fd = run->searches ? ps_executable_search(run->path, run->acts)
                       : ps_executable(run->dir, run->path);
    if (fd < 0)
        return fd;
    result = settle_proxy(run, fd);
    if (result == 0 && run->supervisor == NULL)
        return fd;
    sys_close(fd);
    return -result;
}

/* Nothing of the room outlives it: libc gives it this process's environment, and has no psctl. */
__attribute__((noinline)) static int prepare_own(struct ps_run *run)
{
    struct ps_run_room room;

    return ps_run_prepare(run, &room);
}

bool ps_run_ready(struct ps_run *run)
{
    int result = ps_run_is_plain(run) ? 0 : prepare_own(run);

    if (result != 0)
        errno = result;
    return result == 0;
}

/* mount.c: see mount.h */
#include "mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/text.h"
#include "environment.h"
#include "run.h"

enum { NOT_RUN = 126, NOT_FOUND = 127 };

/* One line, and the end: what the program would do without its folders is nothing. */
static _Noreturn void give_up(int status, const char *why)
{
    char line[PATH_MAX];
    struct ps_text text = ps_text_begin(line, sizeof(line));

    ps_text_add(&text, "libps: PS_MOUNT: ");
    ps_text_add(&text, why);
    ps_text_add(&text, "\n");
    sys_call3(SYS_write, 2, line, strlen(line));
    for (;;)
        sys_call3(SYS_exit_group, status, 0, 0);
}

/* Where psctl is: beside the library, as in a build folder, or as make install puts both */
static bool find_psctl(char *path, const char *library)
{
    static const char *const places[] = {"psctl", "../bin/psctl", "../../bin/psctl"};
    const char *slash = library != NULL ? strrchr(library, '/') : NULL;
    size_t length = slash != NULL ? (size_t)(slash - library) + 1 : 0;

    for (size_t i = 0; length > 0 && i < sizeof(places) / sizeof(places[0]); i++) {
        if (length + strlen(places[i]) >= PATH_MAX)
            return false;
        memcpy(path, library, length);
        strcpy(path + length, places[i]);
        if (sys_call3(SYS_faccessat, AT_FDCWD, path, X_OK) == 0)
            return true;
    }
    return false;
}

bool ps_mount_wanted(char *const environment[])
{
    const char *mount = ps_environment_value(environment, "PS_MOUNT=");
    const char *disable = ps_environment_value(environment, "PS_DISABLE=");

    return mount != NULL && mount[strspn(mount, " \t\n")] != '\0' &&
           (disable == NULL || strcmp(disable, "1") != 0);
}

void ps_mount_begin(const char *library, char *const argv[], char *const environment[])
{
    char psctl[PATH_MAX], program[PATH_MAX];
    struct ps_arguments arguments;
    ssize_t length;

    if (!find_psctl(psctl, library))
        give_up(NOT_FOUND, "there is no psctl beside libps, nor in ../bin");
    length = sys_readlinkat(AT_FDCWD, "/proc/self/exe", program, sizeof(program) - 1);
    /* no loader of its own: it was the loader that was run, with the program for an argument */
    if (length < 0 || getauxval(AT_BASE) == 0)
        give_up(NOT_RUN, "the program can't be found once more");
    program[length] = '\0';
    if (!ps_run_psctl(&arguments, psctl, program, argv))
        give_up(NOT_RUN, "no memory");
    sys_call3(SYS_execve, psctl, arguments.argv, environment);
    give_up(NOT_RUN, "psctl can't be run");
}

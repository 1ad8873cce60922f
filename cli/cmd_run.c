/* cmd_run.c: psctl run: a program with libps preloaded */
#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <ps/stats.h>

#include "mount.h"
#include "psctl.h"
#include "supervise.h"

#define LIBRARY "libps.so.1"

/* psctl is about the proxy itself: the library, which looks for this, leaves it on standard input
 */
extern const char ps_stdin_as_it_is __attribute__((visibility("default")));
const char ps_stdin_as_it_is = 1;

struct run {
    int has_stats, is_json, is_forced, is_verbose, learns;
    int is_supervised;
    const char *engine, *profile; /* NULL: none */
    const char *argv0; /* what the program is to see; and it is a path, none to be searched */
    struct mounts mounts;
    char **argv;
    char path[PATH_MAX];
};

/* --- the library to preload --------------------------------------------------- */

static int is_library(const char *path)
{
    struct stat status;

    return raw_stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* find_library: beside psctl, as in a build folder; in ../lib; or the one that psctl runs with */
static int find_library(char *path)
{
    char self[PATH_MAX], candidate[PATH_MAX + 32];
    char *slash = NULL;
    Dl_info info;
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (n > 0) {
        self[n] = '\0';
        slash = strrchr(self, '/');
    }
    if (slash != NULL) {
        *slash = '\0';
        snprintf(candidate, sizeof(candidate), "%s/" LIBRARY, self);
        if (is_library(candidate) && realpath(candidate, path) != NULL)
            return 1;
        snprintf(candidate, sizeof(candidate), "%s/../lib/" LIBRARY, self);
        if (is_library(candidate) && realpath(candidate, path) != NULL)
            return 1;
    }
    return dladdr((void *)(uintptr_t)ps_version, &info) != 0 && info.dli_fname != NULL &&
           is_library(info.dli_fname) && realpath(info.dli_fname, path) != NULL;
}

/* next_part: of LD_PRELOAD; *list is moved behind it, NULL behind the last */
static const char *next_part(const char **list, size_t *length)
{
    const char *part = *list;

    *length = strcspn(part, " :");
    *list = part[*length] != '\0' ? part + *length + 1 : NULL;
    return part;
}

/* set_preload: LD_PRELOAD has libps first, or with has_libps 0 not at all; the others stay */
static int set_preload(int has_libps)
{
    const char *others = getenv("LD_PRELOAD"), *part;
    size_t length, path_length;
    char path[PATH_MAX], *value;
    int result;

    if (!find_library(path))
        return fail(LIBRARY " is not found beside psctl, nor in ../lib");
    /* the loader splits at these, knows no quotes, and would go on without libps */
    if (has_libps && strpbrk(path, " :;$") != NULL)
        return fail("%s can't be preloaded: its path has one of \" :;$\"", path);
    path_length = strlen(path);
    value = malloc(path_length + 1 + (others != NULL ? strlen(others) : 0) + 2);
    if (value == NULL)
        return fail("no memory");
    strcpy(value, has_libps ? path : "");
    while (others != NULL) {
        part = next_part(&others, &length);
        if (length == 0 || (length == path_length && memcmp(part, path, length) == 0))
            continue;
        if (value[0] != '\0')
            strcat(value, ":");
        strncat(value, part, length);
    }
    result = value[0] != '\0' ? setenv("LD_PRELOAD", value, 1) : unsetenv("LD_PRELOAD");
    free(value);
    return result == 0 ? STATUS_OK : fail("no memory");
}

/* set_supervisor: who runs what can't be preloaded, further down: psctl; "on": it is supervised */
static int set_supervisor(int is_supervised)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[n > 0 ? n : 0] = '\0';
    return setenv("PS_SUPERVISOR", is_supervised ? "on" : self, 1) == 0 ? STATUS_OK
                                                                        : fail("no memory");
}

/* is_in_tree: is psctl itself below a supervisor? Then so is what it runs. */
static int is_in_tree(void)
{
    const char *supervisor = getenv("PS_SUPERVISOR");

    return supervisor != NULL && strcmp(supervisor, "on") == 0 &&
           prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER;
}

static int is_engine(const char *name)
{
    static const char *const names[] = {"auto", "uffd", "uffd-user", "segv"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return 1;
    return 0;
}

static int ask_for_engine(const void *engine)
{
    struct ps_error err = {0};
    char text[4096];

    if (ps_engine_describe(text, sizeof(text), &err) < 0)
        return fail("engine \"%s\": %s", (const char *)engine,
                    err.message[0] ? err.message : "not here");
    return STATUS_OK;
}

/* set_engine: ask the library itself whether it has this engine here */
static int set_engine(const char *engine)
{
    if (engine == NULL)
        return STATUS_OK;
    if (setenv("PS_ENGINE", engine, 1) != 0)
        return fail("no memory");
    return run_apart(ask_for_engine, engine);
}

/* --- running -------------------------------------------------------------------- */

static int run_as_child(const struct run *run, int *is_started)
{
    return run->is_supervised ? supervise(run->path, run->argv, false, is_started)
                              : run_child(run->path, run->argv, is_started);
}

/* run_and_profile: run_as_child, and what it has waited for if that is wanted */
static int run_and_profile(const struct run *run, int *is_started)
{
    struct run_profile profile;
    int status, ended;

    if (run->profile == NULL)
        return run_as_child(run, is_started);
    status = profile_begin(&profile, run->profile);
    if (status != STATUS_OK)
        return status;
    status = run_as_child(run, is_started);
    ended = profile_end(&profile, *is_started);
    return status == STATUS_OK ? ended : status;
}

static int run_with_stats(const struct run *run)
{
    int fd, status, is_started = 0;
    struct ps_board *board = stats_open(&fd);
    char path[64];

    if (board == NULL)
        return STATUS_FAILED;
    /* by psctl's number, as "self" would be another process in each that reads it */
    snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)getpid(), fd);
    if (setenv("PS_STATS", path, 1) != 0)
        return fail("no memory");
    status = run_and_profile(run, &is_started);
    if (is_started && run->is_json)
        stats_json(board, status);
    else if (is_started)
        stats_table(board);
    munmap(board, sizeof(*board));
    close(fd);
    return status;
}

/* choose: how libps comes to it; 0 or a status, when it has said why it can't */
static int choose(struct run *run)
{
    struct judgement judgement = {0};
    char copy[64];
    int is_copy = is_proxy_file(run->path);
    int status = is_copy ? copy_program(run->path, copy, sizeof(copy)) : STATUS_OK;

    if (status == STATUS_OK)
        status = judge_program(&judgement, is_copy ? copy : run->path, run->path);
    if (status != STATUS_OK)
        return status;
    run->is_supervised = judgement.why != NULL && judgement.can_be_supervised && !run->is_forced;
    if (judgement.why != NULL && !run->is_supervised && !run->is_forced) {
        fail("%s %s: libps can't be preloaded, it would see the proxy files themselves "
             "(--force runs it all the same)",
             run->path, judgement.why);
        return STATUS_CANNOT_RUN;
    }
    if (run->is_verbose && run->is_supervised)
        fprintf(stderr, "psctl: %s %s: supervised\n", run->path, judgement.why);
    else if (run->is_verbose)
        fprintf(stderr, "psctl: %s: libps is preloaded\n", run->path);
    return STATUS_OK;
}

static int find(struct run *run)
{
    if (run->argv0 == NULL || strchr(run->argv[0], '/') != NULL)
        return find_program(run->argv[0], run->path, sizeof(run->path));
    snprintf(run->path, sizeof(run->path), "./%s", run->argv[0]);
    return STATUS_OK;
}

static int prepare(struct run *run)
{
    int status = run_mounts(&run->mounts);

    if (status == STATUS_OK)
        status = set_engine(run->engine);
    if (status == STATUS_OK && run->learns)
        status = set_learn();
    if (status == STATUS_OK)
        status = set_preload(!run->is_supervised);
    if (status == STATUS_OK)
        status = set_supervisor(run->is_supervised);
    return status;
}

static int refuse_mounts(void)
{
    fail("nothing can be mounted below a program that is supervised");
    return STATUS_CANNOT_RUN;
}

static int run_program(struct run *run)
{
    int status = find(run), is_started;

    if (status == STATUS_OK && is_in_tree())
        return run->mounts.count == 0 ? become_program(run->path, run->argv) : refuse_mounts();
    if (status == STATUS_OK)
        status = choose(run);
    if (status == STATUS_OK)
        status = prepare(run);
    if (status != STATUS_OK)
        return status;
    if (run->argv0 != NULL)
        run->argv[0] = (char *)(uintptr_t)run->argv0;
    if (run->has_stats)
        return run_with_stats(run);
    if (run->profile != NULL)
        return run_and_profile(run, &is_started);
    if (run->is_supervised)
        return supervise(run->path, run->argv, true, &is_started);
    share_cache();
    return become_program(run->path, run->argv);
}

int cmd_run(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{"stats", no_argument, NULL, 's'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"engine", required_argument, NULL, 'e'},
                                            {"force", no_argument, NULL, 'f'},
                                            {"learn", no_argument, NULL, 'l'},
                                            {"profile", optional_argument, NULL, 'p'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"argv0", required_argument, NULL, '0'},
                                            {"mount", required_argument, NULL, 'm'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct run run = {0};
    int option, status;

    opterr = 0;
    /* "+": the options behind PROGRAM are the program's */
    while ((option = getopt_long(argc, argv, "+:sje:fvlp::m:h", options, NULL)) != -1) {
        if (option == 's')
            run.has_stats = 1;
        else if (option == 'j')
            run.has_stats = run.is_json = 1;
        else if (option == 'e')
            run.engine = optarg;
        else if (option == 'f')
            run.is_forced = 1;
        else if (option == 'v')
            run.is_verbose = 1;
        else if (option == '0') /* of libps itself, see shim/run.h */
            run.argv0 = optarg;
        else if (option == 'l')
            run.learns = 1;
        else if (option == 'p')
            run.profile = optarg != NULL ? optarg : "psctl-profile";
        else if (option == 'm' && (status = mounts_add(&run.mounts, optarg)) != STATUS_OK)
            return status;
        else if (option == 'h')
            return show_help(self);
        else if (option != 'm')
            return bad_option(self, option, argv);
    }
    if (run.engine != NULL && !is_engine(run.engine))
        return usage(self, "engine \"%s\" is none of auto, uffd, uffd-user, segv", run.engine);
    if (optind >= argc || argv[optind][0] == '\0')
        return usage(self, "run: a program is missing");
    run.argv = argv + optind;
    status = mounts_add_variable(&run.mounts);
    return status == STATUS_OK ? run_program(&run) : status;
}

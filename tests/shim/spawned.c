/*
 * spawned.c: each way to run a program that has no libps, with a proxy among its descriptors
 *
 * It gets the bytes. Where the object can't be had it is not run: EIO, and one line.
 */
#include "check.h"

#include <limits.h>
#include <spawn.h>
#include <sys/resource.h>
#include <wordexp.h>

extern char **environ;

static char reader[1024];
static char *none[] = {(char *)"LD_PRELOAD=", NULL}; /* without it, libps would be added */
static char *words[] = {reader, (char *)"7", NULL};
static int out[2]; /* the program's standard output */

/* --- exec, in a child; they return when it failed ----------------------------------------- */

static void by_execve(void)
{
    execve(reader, words, environ);
}

static void by_execv(void)
{
    execv(reader, words);
}

static void by_execvp(void)
{
    execvp("unaware_reader", words);
}

static void by_execvpe(void)
{
    execvpe("unaware_reader", words, none);
}

static void by_execl(void)
{
    execl(reader, reader, "7", (char *)NULL);
}

static void by_execlp(void)
{
    execlp("unaware_reader", "reader", "7", "and more", "of them", "and", "more", (char *)NULL);
}

static void by_execle(void)
{
    execle("/bin/sh", "sh", "-c", "test -z \"$TMP\" && exec cat <&7", (char *)NULL, none);
}

static void by_fexecve(void)
{
    int fd = open(reader, O_RDONLY | O_CLOEXEC);

    fexecve(fd, words, environ);
}

static void by_execveat(void)
{
    char folder[1024];
    int dir;

    strcpy(folder, reader);
    *strrchr(folder, '/') = '\0';
    dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    syscall(SYS_execveat, dir, "unaware_reader", words, environ, 0);
}

static void by_execveat_of_descriptor(void)
{
    int fd = open(reader, O_PATH | O_CLOEXEC);

    syscall(SYS_execveat, fd, "", words, environ, AT_EMPTY_PATH);
}

static void by_syscall(void)
{
    syscall(SYS_execve, reader, words, environ);
}

static void by_execl_of_many(void)
{
#define TEN "", "", "", "", "", "", "", "", "", ""
    execl(reader, reader, "7", TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN,
          (char *)NULL);
}

static void with_scrubbed_environment(void)
{
    setenv("LD_PRELOAD", "", 1);
    execlp("cat", "cat", "/dev/fd/7", (char *)NULL);
}

static void with_environment_of_nobody(void)
{
    execve("/bin/cat", (char *[]){(char *)"cat", (char *)"/dev/fd/7", NULL}, none);
}

/* It inherits the proxy, and a child that closes it is no sign that it has none. */
static void below_a_program_that_vforks(void)
{
    execl("/proc/self/exe", "spawned", "vforks", (char *)NULL);
}

static void vfork_and_exec(void)
{
    pid_t child = vfork();

    if (child == 0) {
        close(7);
        execl("/bin/true", "true", (char *)NULL);
        _exit(9);
    }
    reap(child);
    execv(reader, words);
}

/* --- other calls; they return 0, or an errno ---------------------------------------------- */

static pid_t spawned;

static int by_posix_spawn(void)
{
    return posix_spawn(&spawned, reader, NULL, NULL, words, environ);
}

static int by_posix_spawnp(void)
{
    return posix_spawnp(&spawned, "unaware_reader", NULL, NULL, words, none);
}

static int spawn_with(int source, const char *path, int argument)
{
    char number[2] = {(char)('0' + argument), '\0'};
    char *arguments[] = {reader, number, NULL};
    posix_spawn_file_actions_t actions;
    int result;

    CHECK(posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawn_file_actions_addopen(&actions, 5, "/dev/null", O_RDONLY, 0) == 0);
    CHECK(posix_spawn_file_actions_addclose(&actions, 5) == 0);
    if (source >= 0)
        CHECK(posix_spawn_file_actions_adddup2(&actions, source, argument) == 0);
    if (path != NULL)
        CHECK(posix_spawn_file_actions_addopen(&actions, argument, path, O_RDONLY, 0) == 0);
    result = posix_spawn(&spawned, reader, &actions, NULL, arguments, environ);
    CHECK(posix_spawn_file_actions_destroy(&actions) == 0);
    return result;
}

static int by_posix_spawn_with_dup2(void)
{
    CHECK(fcntl(7, F_SETFD, FD_CLOEXEC) == 0);
    return spawn_with(7, NULL, 4);
}

static int by_posix_spawn_with_open(void)
{
    CHECK(fcntl(7, F_SETFD, FD_CLOEXEC) == 0);
    return spawn_with(-1, "/dev/fd/7", 4);
}

static int by_system(void)
{
    char command[1100];
    int status;

    snprintf(command, sizeof(command), "exec %s 7", reader);
    status = system(command);
    return status == -1 ? errno : status == 0 ? 0 : EIO;
}

static int by_system_without_preload(void)
{
    int status;

    unsetenv("LD_PRELOAD");
    status = system("cat <&7");
    return status == -1 ? errno : status;
}

static int by_popen_without_preload(void)
{
    static char piece[PAGE];
    FILE *pipe;
    size_t got;

    unsetenv("LD_PRELOAD");
    pipe = popen("cat <&7", "r");
    if (pipe == NULL)
        return errno;
    while ((got = fread(piece, 1, sizeof(piece), pipe)) > 0)
        CHECK(write(1, piece, got) == (ssize_t)got);
    return pclose(pipe);
}

static int by_wordexp_without_preload(void)
{
    wordexp_t expanded;
    int result;

    unsetenv("LD_PRELOAD");
    result = wordexp("$(cat <&7 >&8)", &expanded, 0);
    return result == WRDE_CMDSUB ? EIO : result;
}

/* --- the checks ------------------------------------------------------------------------- */

static void (*const execs[])(void) = {by_execve,
                                      by_execv,
                                      by_execvp,
                                      by_execvpe,
                                      by_execl,
                                      by_execlp,
                                      by_execle,
                                      by_fexecve,
                                      by_execveat,
                                      by_execveat_of_descriptor,
                                      by_syscall,
                                      by_execl_of_many,
                                      with_scrubbed_environment,
                                      with_environment_of_nobody,
                                      below_a_program_that_vforks};
static int (*const calls[])(void) = {by_posix_spawn,
                                     by_posix_spawnp,
                                     by_posix_spawn_with_dup2,
                                     by_posix_spawn_with_open,
                                     by_system,
                                     by_system_without_preload,
                                     by_popen_without_preload,
                                     by_wordexp_without_preload};
enum { EXECS = sizeof(execs) / sizeof(execs[0]), CALLS = sizeof(calls) / sizeof(calls[0]) };

static void put_in_place(const char *name)
{
    int fd = open_px(name);

    CHECK(dup2(fd, 7) == 7 && close(fd) == 0);
}

/* What the programs of a child print is the object. */
static void check_output(unsigned which)
{
    static unsigned char bytes[SMALL + 1];
    size_t size = 0;
    ssize_t got;

    CHECK(close(out[1]) == 0);
    while ((got = read(out[0], bytes + size, sizeof(bytes) - size)) > 0)
        size += (size_t)got;
    if (size != SMALL)
        FAIL("way %u: %zu bytes", which, size);
    BYTES(bytes, SMALL, 0);
    CHECK(close(out[0]) == 0);
}

static int call(unsigned which)
{
    int result = calls[which](), status = 0;

    if (result == 0 && which < 4)
        CHECK(waitpid(spawned, &status, 0) == spawned);
    return result != 0 ? result : status;
}

/* Each in a process that has nothing of the object yet. */
static void gets_bytes(unsigned which)
{
    pid_t child;

    CHECK(pipe2(out, O_CLOEXEC) == 0);
    child = fork();
    if (child == 0) {
        put_in_place("small");
        CHECK(dup2(out[1], 1) == 1 && dup2(1, 8) == 8); /* wordexp has 1 for itself */
        if (which >= EXECS)
            _exit(call(which - EXECS) != 0);
        execs[which]();
        FAIL("way %u returned", which);
    }
    check_output(which);
    reap(child);
}

/* The child has the parent's memory, and the parent its threads. */
static void gets_bytes_after_vfork(unsigned which, int inner)
{
    pid_t child;

    CHECK(pipe2(out, O_CLOEXEC) == 0);
    child = fork();
    if (child == 0) {
        int status;

        put_in_place("small");
        /* inner: this child has no thread to fetch with yet */
        if (inner && (child = fork()) != 0) {
            reap(child);
            _exit(0);
        }
        child = vfork();
        if (child == 0) {
            dup2(out[1], 1);
            execs[which]();
            _exit(9);
        }
        _exit(child < 0 || waitpid(child, &status, 0) != child || status != 0);
    }
    check_output(which);
    reap(child);
}

static void fails(unsigned which)
{
    pid_t child = fork();

    if (child == 0) {
        hear();
        put_in_place("error");
        turn(1);
        if (which >= EXECS) {
            CHECK(calls[which - EXECS]() == EIO);
        } else {
            errno = 0;
            execs[which]();
            CHECK(errno == EIO);
        }
        heard_one("error", "bytes 0 to ", "touched by ", NULL);
        turn(0);
        _exit(0);
    }
    reap(child);
}

/* The list of descriptors can't be opened, nor can the store. */
static void fails_without_numbers(void)
{
    struct rlimit limit = {256, 256};
    pid_t child = fork();
    int status;

    if (child == 0) {
        hear();
        put_in_place("small");
        CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        while (fcntl(0, F_DUPFD_CLOEXEC, 0) >= 0)
            ;
        FAILS(execv(reader, words), EIO);
        _exit(7);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 7 << 8);
}

/* As libc's, also where there is something to do. */
static void fails_as_libc(void)
{
    char *longest = malloc(PATH_MAX + 10), *volatile nowhere = (char *)8;

    put_in_place("error");
    turn(1);
    memset(longest, 'x', PATH_MAX + 9);
    longest[PATH_MAX + 9] = '\0';
    FAILS(execv("/none", words), ENOENT);
    FAILS(execv("/etc/passwd", words), EACCES);
    FAILS(execv("/tmp", words), EACCES);
    FAILS(execv("/etc/passwd/none", words), ENOTDIR);
    FAILS(execv(longest, words), ENAMETOOLONG);
    FAILS(execv("", words), ENOENT);
    FAILS(execvp("", words), ENOENT);
    FAILS(execvp("no such program", words), ENOENT);
    FAILS(execl("/none", "none", (char *)NULL), ENOENT);
    FAILS(execve(nowhere, words, environ), EFAULT);
    FAILS(fexecve(-1, words, environ), EINVAL);
    CHECK(posix_spawn(&spawned, "/none", NULL, NULL, words, environ) == ENOENT);
    CHECK(system(NULL) != 0 && system("exit 3") == 3 << 8);
    turn(0);
    free(longest);
}

int main(int argc, char **argv)
{
    (void)argv;
    snprintf(reader, sizeof(reader), "%s/unaware_reader", getenv("BIN"));
    if (access(reader, X_OK) != 0) {
        CHECK(write(1, "no static libc here\n", 20) == 20);
        return 77;
    }
    CHECK(setenv("PATH", in("BIN", ":/usr/bin:/bin"), 1) == 0);
    if (argc == 2)
        vfork_and_exec();
    for (unsigned i = 0; i < EXECS + CALLS; i++) {
        gets_bytes(i);
        if (i != EXECS - 1 && i != EXECS + 4) /* there a program with libps is run first */
            fails(i);
    }
    for (unsigned i = 0; i < 12; i++) {
        gets_bytes_after_vfork(i, 0);
        gets_bytes_after_vfork(i, 1);
    }
    fails_without_numbers();
    fails_as_libc();
    return 0;
}

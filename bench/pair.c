/*
 * pair.c: two commands, run in turn, and how their times compare
 *
 *     pair SECONDS [NAME=VALUE ...] COMMAND [ARG ...] -- [NAME=VALUE ...] COMMAND [ARG ...]
 *
 * Their standard output goes to the file "output" in this folder, since tar
 * reads no file when it would write to /dev/null. Prints name=value words, as
 * print_figure in timing.h does: the ratio second/first of user + system time
 * (ratio) and of wall time (wall), what the second takes more of both, in ms
 * (more, wall_more), the first's user + system time in ms (first), and the
 * number of pairs.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "timing.h"

struct command {
    char **argv;
    char **environment;
};

static posix_spawn_file_actions_t actions;

/* make_command: the leading NAME=VALUE words of argv become part of the environment */
static struct command make_command(char **argv)
{
    struct command command;
    size_t count = 0, more = 0;

    while (environ[count] != NULL)
        count++;
    while (argv[more] != NULL && strchr(argv[more], '=') != NULL)
        more++;
    if (argv[more] == NULL) {
        fputs("pair: no command\n", stderr);
        exit(2);
    }
    command.environment = allocate(count + more + 1, sizeof(char *));
    memcpy(command.environment, argv, more * sizeof(char *));
    memcpy(command.environment + more, environ, count * sizeof(char *));
    command.argv = argv + more;
    return command;
}

static double time_ns(const struct timeval *time)
{
    return (double)time->tv_sec * 1e9 + (double)time->tv_usec * 1e3;
}

static struct took run(const void *argument)
{
    const struct command *command = argument;
    struct took begin = now(), took;
    struct rusage usage;
    pid_t child;
    int status, result;

    result =
        posix_spawnp(&child, command->argv[0], &actions, NULL, command->argv, command->environment);
    if (result != 0) {
        fprintf(stderr, "pair: %s: %s\n", command->argv[0], strerror(result));
        exit(1);
    }
    while (wait4(child, &status, 0, &usage) < 0)
        if (errno != EINTR) {
            perror("pair: wait4");
            exit(1);
        }
    took = since(begin);
    took.cpu = time_ns(&usage.ru_utime) + time_ns(&usage.ru_stime);
    if (status != 0) {
        fprintf(stderr, "pair: %s ended with status 0x%x\n", command->argv[0], (unsigned)status);
        exit(1);
    }
    return took;
}

static double more_cpu_ms(const struct pair *pair)
{
    return (pair->second.cpu - pair->first.cpu) / 1e6;
}

static double more_wall_ms(const struct pair *pair)
{
    return (pair->second.wall - pair->first.wall) / 1e6;
}

static double first_ms(const struct pair *pair)
{
    return pair->first.cpu / 1e6;
}

int main(int argc, char **argv)
{
    struct command first, second;
    struct pairs pairs;
    int split = 2;

    while (split < argc && strcmp(argv[split], "--") != 0)
        split++;
    if (split + 1 >= argc) {
        fputs("usage: pair SECONDS COMMAND... -- COMMAND...\n", stderr);
        return 2;
    }
    argv[split] = NULL;
    first = make_command(argv + 2);
    second = make_command(argv + split + 1);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "output",
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pairs = measure_pairs(argv[1], run, &first, &second);
    print_figure(&pairs, "ratio", cpu_ratio);
    print_figure(&pairs, "more", more_cpu_ms);
    print_figure(&pairs, "wall", wall_ratio);
    print_figure(&pairs, "wall_more", more_wall_ms);
    print_figure(&pairs, "first", first_ms);
    printf("pairs=%zu\n", pairs.count);
    return 0;
}

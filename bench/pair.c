/*
 * pair.c: two commands, run in turn, and how their times compare
 *
 *     pair RUNS [NAME=VALUE ...] COMMAND [ARG ...] -- [NAME=VALUE ...] COMMAND [ARG ...]
 *
 * Which of the two goes first changes at every turn, so that what drifts on
 * the machine hits both. Their standard output is thrown away. Prints one
 * line of name=value words: the median of the ratios second/first of wall
 * time (wall) and of user + system time (cpu), the ratio of the shortest wall
 * times (least), the medians of the wall times in ms (first, second), the
 * median of their differences (more), and that of cpu time (more_cpu).
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
    double *wall, *cpu; /* ns, one of each run */
};

/* make_command: the leading NAME=VALUE words of argv become part of the environment */
static void make_command(struct command *command, char **argv, size_t runs)
{
    size_t count = 0, more = 0;

    while (environ[count] != NULL)
        count++;
    while (argv[more] != NULL && strchr(argv[more], '=') != NULL)
        more++;
    command->environment = calloc(count + more + 1, sizeof(char *));
    if (command->environment == NULL || argv[more] == NULL) {
        fputs("pair: no command\n", stderr);
        exit(2);
    }
    memcpy(command->environment, argv, more * sizeof(char *));
    memcpy(command->environment + more, environ, count * sizeof(char *));
    command->argv = argv + more;
    command->wall = new_doubles(runs);
    command->cpu = new_doubles(runs);
}

static double cpu_ns(const struct rusage *usage)
{
    return ((double)usage->ru_utime.tv_sec + (double)usage->ru_stime.tv_sec) * 1e9 +
           ((double)usage->ru_utime.tv_usec + (double)usage->ru_stime.tv_usec) * 1e3;
}

static void run(struct command *command, size_t at, const posix_spawn_file_actions_t *actions)
{
    struct rusage usage;
    double begin = now_ns();
    pid_t child;
    int status, result;

    result =
        posix_spawnp(&child, command->argv[0], actions, NULL, command->argv, command->environment);
    if (result != 0) {
        fprintf(stderr, "pair: %s: %s\n", command->argv[0], strerror(result));
        exit(1);
    }
    while (wait4(child, &status, 0, &usage) < 0)
        if (errno != EINTR) {
            perror("pair: wait4");
            exit(1);
        }
    command->wall[at] = now_ns() - begin;
    command->cpu[at] = cpu_ns(&usage);
    if (status != 0) {
        fprintf(stderr, "pair: %s ended with status 0x%x\n", command->argv[0], (unsigned)status);
        exit(1);
    }
}

static double median_ratio(const double *first, const double *second, size_t runs)
{
    double *ratios = new_doubles(runs), result;
    size_t count = 0;

    for (size_t i = 0; i < runs; i++)
        if (first[i] > 0)
            ratios[count++] = second[i] / first[i];
    result = count ? median(ratios, count) : 0;
    free(ratios);
    return result;
}

static double median_more(const double *first, const double *second, size_t runs)
{
    double *more = new_doubles(runs), result;

    for (size_t i = 0; i < runs; i++)
        more[i] = second[i] - first[i];
    result = median(more, runs);
    free(more);
    return result;
}

static void report(struct command *first, struct command *second, size_t runs)
{
    double wall = median_ratio(first->wall, second->wall, runs);
    double cpu = median_ratio(first->cpu, second->cpu, runs);
    double more = median_more(first->wall, second->wall, runs);
    double more_cpu = median_more(first->cpu, second->cpu, runs);
    double least = quantile(second->wall, runs, 0) / quantile(first->wall, runs, 0);

    printf("wall=%.4f cpu=%.4f least=%.4f first=%.3f second=%.3f more=%.3f more_cpu=%.3f\n", wall,
           cpu, least, median(first->wall, runs) / 1e6, median(second->wall, runs) / 1e6,
           more / 1e6, more_cpu / 1e6);
}

int main(int argc, char **argv)
{
    posix_spawn_file_actions_t actions;
    struct command first, second;
    size_t runs = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 0;
    int split = 2;

    while (split < argc && strcmp(argv[split], "--") != 0)
        split++;
    if (runs == 0 || split + 1 >= argc) {
        fputs("usage: pair RUNS COMMAND... -- COMMAND...\n", stderr);
        return 2;
    }
    argv[split] = NULL;
    make_command(&first, argv + 2, runs);
    make_command(&second, argv + split + 1, runs);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    for (size_t i = 0; i < runs; i++) {
        run(i % 2 ? &second : &first, i, &actions);
        run(i % 2 ? &first : &second, i, &actions);
    }
    report(&first, &second, runs);
    return 0;
}

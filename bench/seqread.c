/*
 * seqread.c: sequential read(2) of a proxied file, beside the same without libps; to be preloaded
 *
 *     seqread PROXIED NATIVE CALL SECONDS
 *
 * NATIVE is a file with the same bytes. Both are read once and compared, so
 * that the proxied file is resolved before the clock starts. Then the file
 * that libps has put there is read by calls of CALL bytes, in turn: by a child
 * without libps, and by this process. Both read the same pages of memory, into
 * the same: of two copies one can be a third slower to read than the other, by
 * where its pages lie. And it is a child because libps's threads, too, cost
 * something in a system call. Prints name=value words, as print_figure in
 * timing.h does: the speed with libps, of that without (speed, and wall for
 * that by wall time), that without in GB/s (native), and the number of pairs.
 */
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "timing.h"

enum { CALL_MOST = 1 << 20 };

static char *buffer, beside[CALL_MOST];
static size_t file_size, call_size;

static void stop(const char *what)
{
    perror(what);
    exit(1);
}

/* A file that two processes have open is locked in every read: on exec all but one are closed. */
static int open_file(const char *path, int flags)
{
    int fd = open(path, O_RDONLY | flags);

    if (fd < 0)
        stop(path);
    return fd;
}

static void map_buffer(int fd)
{
    buffer = mmap(NULL, CALL_MOST, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (buffer == MAP_FAILED)
        stop("mmap");
}

static struct took read_all(int fd)
{
    struct took begin = now();
    ssize_t got;

    if (lseek(fd, 0, SEEK_SET) != 0)
        stop("lseek");
    while ((got = read(fd, buffer, call_size)) > 0)
        ;
    if (got < 0)
        stop("read");
    return since(begin);
}

/* compare: what both read must be equal; the number of bytes */
static size_t compare(int fd, int with)
{
    size_t size = 0;
    ssize_t got;

    while ((got = read(fd, buffer, CALL_MOST)) > 0 && read(with, beside, CALL_MOST) == got &&
           memcmp(buffer, beside, (size_t)got) == 0)
        size += (size_t)got;
    if (got != 0 || read(with, beside, 1) != 0) {
        fputs("seqread: the files differ\n", stderr);
        exit(1);
    }
    return size;
}

/* --- the child: for each byte on descriptor 0, the time of a reading on 1 ------------ */

struct child {
    int ask, answer;
};

static int serve(int file)
{
    struct took took;
    char byte;

    while (read(0, &byte, 1) == 1) {
        took = read_all(file);
        if (write(1, &took, sizeof(took)) != sizeof(took))
            return 1;
    }
    return 0;
}

static struct took ask(const struct child *child)
{
    struct took took;

    if (write(child->ask, "", 1) != 1 || read(child->answer, &took, sizeof(took)) != sizeof(took))
        stop("the child");
    return took;
}

static struct child start(char *program, int proxied, int memory, char *call)
{
    char path[64], file_number[16], memory_number[16];
    char *argv[] = {program, file_number, memory_number, call, NULL};
    posix_spawn_file_actions_t actions;
    int to[2], from[2], file;
    pid_t pid;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", proxied);
    file = open_file(path, 0); /* with an offset of its own */
    snprintf(file_number, sizeof(file_number), "%d", file);
    snprintf(memory_number, sizeof(memory_number), "%d", memory);
    if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
        stop("pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], 0);
    posix_spawn_file_actions_adddup2(&actions, from[1], 1);
    unsetenv("LD_PRELOAD");
    if (posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ) != 0)
        stop("posix_spawn");
    close(to[0]);
    close(from[1]);
    close(file);
    return (struct child){to[1], from[0]};
}

/* --- */

static int proxied;
static struct child child;

static struct took measure(const void *way)
{
    return way == &child ? ask(&child) : read_all(proxied);
}

static double native_speed(const struct pair *pair)
{
    return (double)file_size / pair->first.cpu;
}

int main(int argc, char **argv)
{
    struct pairs pairs;
    int memory;

    call_size = argc == 4 || argc == 5 ? (size_t)strtoull(argv[3], NULL, 10) : 0;
    if (call_size == 0 || call_size > CALL_MOST) {
        fputs("usage: seqread PROXIED NATIVE CALL SECONDS\n", stderr);
        return 2;
    }
    if (argc == 4) {
        map_buffer(atoi(argv[2]));
        return serve(atoi(argv[1]));
    }
    memory = memfd_create("buffer", 0);
    if (memory < 0 || ftruncate(memory, CALL_MOST) < 0)
        stop("memfd_create");
    map_buffer(memory);
    proxied = open_file(argv[1], O_CLOEXEC);
    file_size = compare(proxied, open_file(argv[2], O_CLOEXEC));
    child = start(argv[0], proxied, memory, argv[3]);
    pairs = measure_pairs(argv[4], measure, &child, &proxied);
    print_figure(&pairs, "speed", cpu_speed);
    print_figure(&pairs, "wall", wall_speed);
    print_figure(&pairs, "native", native_speed);
    printf("pairs=%zu\n", pairs.count);
    return 0;
}

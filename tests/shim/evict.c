/*
 * evict.c: ps_evict drops what was fetched, not what was written, and nothing that others use
 *
 * run: link memcheck
 */
#include "check.h"

#include <spawn.h>

#include <ps/ps.h>

static unsigned char *map;
static struct ps_error err;

static int64_t evict_all(void)
{
    int64_t dropped = ps_evict(map, 0, 0, &err);

    if (dropped < 0)
        FAIL("%s", err.message);
    return dropped;
}

static void all_is_right(void)
{
    BYTES(map, 20 * PAGE, 0);
    CHECK(map[20 * PAGE] == 1);
    BYTES(map + 20 * PAGE + 1, SMALL - 20 * PAGE - 1, 20 * PAGE + 1);
}

/* A child uses the image as long as it lives, whatever it dies of. */
static void while_a_child_lives(int killed)
{
    int to_child[2], to_parent[2], status;
    pid_t child;
    char byte;

    CHECK(pipe(to_child) == 0 && pipe(to_parent) == 0);
    child = fork();
    if (child == 0) {
        time_limit(8);
        CHECK(close(to_child[1]) == 0 && write(to_parent[1], "x", 1) == 1);
        CHECK(read(to_child[0], &byte, 1) == 1);
        all_is_right();
        CHECK(evict_all() == 0); /* the parent has it too */
        CHECK(write(to_parent[1], "x", 1) == 1);
        pause();
    }
    CHECK(read(to_parent[0], &byte, 1) == 1);
    CHECK(evict_all() == 0);
    all_is_right();
    CHECK(write(to_child[1], "x", 1) == 1 && read(to_parent[0], &byte, 1) == 1);
    CHECK(kill(child, killed) == 0 && waitpid(child, &status, 0) == child);
    CHECK(evict_all() >= SMALL - PAGE);
    all_is_right();
}

/* A program that opens and closes all of its descriptors anew is still seen to use the image. */
static void reopen_all(void)
{
    char path[40];

    for (int fd = 0; fd < 65536; fd++) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (fcntl(fd, F_GETFD) >= 0)
            close(open(path, O_RDWR));
    }
}

static void while_a_child_reopens(void)
{
    int to_child[2], to_parent[2];
    pid_t child;
    char byte;

    CHECK(pipe(to_child) == 0 && pipe(to_parent) == 0);
    all_is_right();
    child = fork();
    if (child == 0) {
        time_limit(8);
        all_is_right();
        reopen_all();
        CHECK(write(to_parent[1], "x", 1) == 1 && read(to_child[0], &byte, 1) == 1);
        all_is_right();
        _exit(0);
    }
    CHECK(read(to_parent[0], &byte, 1) == 1);
    CHECK(evict_all() == 0);
    CHECK(write(to_child[1], "x", 1) == 1);
    reap(child);
    CHECK(evict_all() >= SMALL - PAGE);
    all_is_right();
}

/* Nobody knows how long a program without libps reads what it got: for good then. */
static void after_a_program_without_libps(void)
{
    char *arguments[] = {(char *)"true", NULL}, *none[] = {(char *)"LD_PRELOAD=", NULL};
    int fd = open_px("small");
    pid_t child;

    CHECK(posix_spawn(&child, "/bin/true", NULL, NULL, arguments, none) == 0);
    reap(child);
    CHECK(close(fd) == 0 && ps_is_resolved(map, 0, 0) && evict_all() == 0);
    all_is_right();
}

int main(void)
{
    size_t size;

    map = ps_lazy_map(px("small"), &size, NULL, &err);
    if (map == NULL)
        FAIL("%s", err.message);
    map[20 * PAGE] = 1;
    CHECK(ps_resolve(map, 0, 0, &err) == 0 && ps_is_resolved(map, 0, 0));
    CHECK(evict_all() >= SMALL - PAGE && !ps_is_resolved(map, 0, 1));
    CHECK(evict_all() == 0); /* nothing is here */
    all_is_right();
    /* only whole blocks go */
    CHECK(ps_evict(map, 10, PAGE, &err) == 0 && ps_evict(map, 10, 2 * PAGE, &err) == PAGE);
    all_is_right();
    while_a_child_lives(SIGKILL);
    while_a_child_lives(SIGTERM);
    while_a_child_reopens();
    after_a_program_without_libps();
    CHECK(ps_unmap(map) == 0);
    return 0;
}

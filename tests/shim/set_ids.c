/*
 * set_ids.c: setuid and its like, for which libc signals every thread of the process
 *
 * A thread that had that signal blocked would make them wait for ever.
 */
#include "check.h"

#include <pthread.h>

static void set_ids(void)
{
    CHECK(setgid(getgid()) == 0 && setuid(getuid()) == 0 && setegid(getegid()) == 0);
}

static void *sleeper(void *unused)
{
    pause();
    return unused;
}

static void after_read(void)
{
    pthread_t thread;
    char byte;
    int fd;

    CHECK(pthread_create(&thread, NULL, sleeper, NULL) == 0);
    fd = open_px("small");
    CHECK(read(fd, &byte, 1) == 1);
    set_ids();
}

static void after_touch(void)
{
    BYTES(map_px("small", SMALL, PROT_READ, MAP_PRIVATE), SMALL, 0);
    set_ids();
}

static void in_a_child(void)
{
    char byte;
    int fd = open_px("small");
    pid_t child;

    CHECK(read(fd, &byte, 1) == 1);
    child = fork();
    if (child == 0) {
        time_limit(5);
        CHECK(pread(fd, &byte, 1, 500000) == 1);
        set_ids();
        _exit(0);
    }
    reap(child);
}

int main(void)
{
    static const struct check_case cases[] = {CASE(after_read), CASE(after_touch),
                                              CASE(in_a_child)};

    return CASES(cases, NULL);
}

/*
 * callers.c: the line of a failure names the functions that were at work
 *
 * Each case runs in this program and, with "stripped" for an argument, in a copy
 * of it without symbols (callers_stripped.sh).
 *
 * run: link memcheck
 */
#include "check.h"

#include <pthread.h>

#include <ps/try.h>

static int has_names = 1;
static volatile unsigned char seen;

/* The line has the program's functions, innermost first, each with the line of its call. */
static void heard_names(const char *innermost, const char *middle)
{
    int lines;
    const char *text = heard(&lines);
    const char *at = strstr(text, innermost);
    char plain[40];

    if (lines != 1)
        FAIL("%d lines: %.500s", lines, text);
    if (!has_names) {
        snprintf(plain, sizeof(plain), "%s+0x", program_invocation_short_name);
        if (at != NULL || strstr(text, plain) == NULL)
            FAIL("no %s in: %.500s", plain, text);
        return;
    }
    at = at != NULL ? strstr(at, middle) : NULL;
    at = at != NULL ? strstr(at, " from main (callers.c:") : NULL;
    if (at == NULL)
        FAIL("no %s, %s and main in: %.500s", innermost, middle, text);
}

__attribute__((noinline)) static void read_mesh(int fd)
{
    char bytes[10];

    FAILS(pread(fd, bytes, sizeof(bytes), 500123), EIO);
}

__attribute__((noinline)) static void load_by_read(void)
{
    int fd = open_px("error");

    read_mesh(fd);
    CHECK(close(fd) == 0);
}

static void in_a_read(void)
{
    load_by_read();
    heard_names("read_mesh (callers.c:", " from load_by_read (callers.c:");
}

__attribute__((noinline)) static void scan_mesh(FILE *from)
{
    char bytes[10];

    CHECK(fread(bytes, 1, sizeof(bytes), from) == 0 && ferror(from));
}

__attribute__((noinline)) static void load_by_stream(void)
{
    FILE *from = fopen(px("error"), "r");

    CHECK(from != NULL);
    scan_mesh(from);
    CHECK(fclose(from) == 0);
}

static void in_a_stream(void)
{
    load_by_stream();
    heard_names("scan_mesh (callers.c:", " from load_by_stream (callers.c:");
}

__attribute__((noinline)) static unsigned char look_at(const volatile unsigned char *byte)
{
    return *byte;
}

__attribute__((noinline)) static unsigned char add_up(const volatile unsigned char *mesh)
{
    unsigned char sum = 1;

    for (size_t i = 500123; i < 500125; i++)
        sum = (unsigned char)(sum + look_at(mesh + i));
    return sum;
}

static void in_a_touch(void)
{
    unsigned char *mesh = map_px("error", SMALL, PROT_READ, MAP_PRIVATE);

    catch_faults(SIGBUS);
    CHECK(FAULT(seen = add_up(mesh)) == SIGBUS);
    heard_names("look_at (callers.c:", " from add_up (callers.c:");
}

/* By the runtime's own handler of SIGBUS, also in uffd */
static void told_of_it(const struct ps_failure *failure, void *argument)
{
    (void)failure, (void)argument;
}

static void in_a_handled_touch(void)
{
    unsigned char *mesh = map_px("error", SMALL, PROT_READ, MAP_PRIVATE);

    catch_faults(SIGBUS);
    CHECK(ps_on_failure(told_of_it, NULL, NULL) == 0);
    CHECK(FAULT(seen = add_up(mesh)) == SIGBUS);
    heard_names("look_at (callers.c:", " from add_up (callers.c:");
}

/* Its stack lies between mappings, and ends at no main. */
static void *look_around(void *mesh)
{
    CHECK(FAULT(seen = add_up(mesh)) == SIGBUS);
    return NULL;
}

static void in_a_thread(void)
{
    unsigned char *mesh = map_px("error", SMALL, PROT_READ, MAP_PRIVATE);
    pthread_t thread;

    catch_faults(SIGBUS);
    CHECK(pthread_create(&thread, NULL, look_around, mesh) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    if (has_names)
        heard_one("look_at (callers.c:", " from add_up (callers.c:",
                  " from look_around (callers.c:", NULL);
}

int main(int argc, char **argv)
{
    static void (*const cases[])(void) = {in_a_read, in_a_stream, in_a_touch, in_a_handled_touch,
                                          in_a_thread};
    (void)argv;
    has_names = argc == 1;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pid_t child = fork();
        if (child == 0) {
            time_limit(20);
            hear();
            turn(1);
            cases[i]();
            _exit(0);
        }
        reap(child);
        flag_off();
    }
    return 0;
}

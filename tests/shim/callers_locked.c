/*
 * callers_locked.c: a failure is reported, without names, while its program holds the loader's lock
 *
 * The module that has the names can't be loaded meanwhile; afterwards it can.
 *
 * run: once
 */
#include "check.h"

#include <link.h>

static int file;

static void fail_a_read(void)
{
    static int calls;
    char byte;

    hear();
    FAILS(pread(file, &byte, 1, calls++ % 256 * PAGE), EIO);
}

static int on_library(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)info, (void)size, (void)argument;
    fail_a_read();
    return 1;
}

static int has_names(void)
{
    int lines;

    return strstr(heard(&lines), "fail_a_read (callers_locked.c:") != NULL && lines == 1;
}

int main(void)
{
    time_limit(60);
    file = open_px("error");
    turn(1);
    dl_iterate_phdr(on_library, NULL);
    heard_one("on purpose", "touched by pread", NULL);
    CHECK(!has_names());
    do {
        usleep(10000);
        fail_a_read();
    } while (!has_names());
    return 0;
}

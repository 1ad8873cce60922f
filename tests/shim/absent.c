/*
 * absent.c: a program that meets no proxy has no thread and no descriptor of libps
 *
 * run: memcheck
 *
 * Also one that meets files of a proxy's size, and opens, maps, copies and forks, and looks for
 * names that are like a URI's.
 */
#include "check.h"

#include <dirent.h>

static int count(const char *folder)
{
    DIR *dir = opendir(folder);
    int entries = 0;

    CHECK(dir != NULL);
    while (readdir(dir) != NULL)
        entries++;
    CHECK(closedir(dir) == 0);
    return entries;
}

static void like_any_program(void)
{
    static char bytes[4093] = "#!/bin/sh\n";
    int modes[] = {O_RDONLY, O_RDWR, O_WRONLY, O_WRONLY | O_APPEND, O_RDONLY | O_DIRECT};
    const char *names[] = {"x:/y", "c:/y/z", "host:/y", "none://y/z", "delay+none://y/z", "a+://y"};
    int fd = open(tmp("alike"), O_WRONLY | O_CREAT, 0600);
    struct stat st;
    FILE *stream;

    CHECK(write(fd, bytes, sizeof(bytes)) == sizeof(bytes) && close(fd) == 0);
    CHECK(stat(tmp("alike"), &st) == 0 && st.st_size == sizeof(bytes));
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if ((fd = open(tmp("alike"), modes[i])) >= 0)
            CHECK(lseek(fd, 0, SEEK_END) == sizeof(bytes) && close(fd) == 0);
    stream = fopen(tmp("alike"), "r");
    CHECK(stream != NULL && fgetc(stream) == '#' && fclose(stream) == 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        FAILS(open(names[i], O_RDONLY), ENOENT);
        FAILS(open(names[i], O_RDWR | O_CREAT, 0600), ENOENT);
        FAILS(stat(names[i], &st), ENOENT);
        FAILS(access(names[i], R_OK), ENOENT);
    }
    fd = open(data("small"), O_RDONLY);
    CHECK(mmap(NULL, SMALL, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED && close(fd) == 0);
}

int main(void)
{
    int descriptors = count("/proc/self/fd"), threads = count("/proc/self/task");
    pid_t child;

    like_any_program();
    CHECK(count("/proc/self/fd") == descriptors && count("/proc/self/task") == threads);
    child = fork();
    if (child == 0) {
        like_any_program();
        CHECK(count("/proc/self/fd") == descriptors && count("/proc/self/task") == threads);
        _exit(0);
    }
    reap(child);
    /* and it would be seen: a proxy has both */
    CHECK(close(open_px("small")) == 0);
    CHECK(count("/proc/self/fd") > descriptors && count("/proc/self/task") > threads);
    return 0;
}

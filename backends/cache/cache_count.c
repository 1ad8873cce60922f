/*
 * cache_count.c: how much all processes have added to a folder; see cache.h
 *
 * The size of a file there, to which each process appends a byte for each unit
 * before it adds bytes. The kernel appends for one after the other, so no process
 * waits for another's lock, and one that is killed leaves a count that is too
 * high, which the next look at what is there puts right. A file in memory that all
 * map would be faster, but end the process where somebody makes it shorter.
 */
#include "cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../module.h"

enum { LONG = 64 << 10 };

static int open_count(int dir)
{
    const int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;

    return openat(dir, CACHE_PREFIX "added", flags, 0600);
}

static uint64_t size_of(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

uint64_t cache_count_add(int dir, size_t units)
{
    static const char marks[CACHE_UNITS];
    int fd = open_count(dir);
    uint64_t count = 0;

    if (fd < 0)
        return 0;
    if (module_write(fd, marks, units, -1) == (ssize_t)units)
        count = size_of(fd);
    close(fd);
    return count;
}

/* A long file is made short. Others see a count that is less than it was, and look for themselves.
 */
uint64_t cache_count_look(int dir)
{
    int fd = open_count(dir);
    uint64_t count;

    if (fd < 0)
        return 0;
    count = size_of(fd);
    if (count > LONG && ftruncate(fd, 0) == 0)
        count = 0;
    close(fd);
    return count;
}

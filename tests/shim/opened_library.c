/*
 * opened_library.c: a library that reads; libraries.c opens it, and a proxy of it
 *
 * run: library
 */
#include <fcntl.h>
#include <unistd.h>

static int count;

int call_count(void)
{
    return ++count;
}

/* The byte of the file at path */
int byte_of(const char *path, long offset)
{
    unsigned char byte = 0;
    int fd = open(path, O_RDONLY);
    ssize_t got = pread(fd, &byte, 1, offset);

    close(fd);
    return got == 1 ? byte : -1;
}

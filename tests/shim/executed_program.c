/*
 * executed_program.c: says with what it was run; executed.c runs a proxy of it
 *
 * With the words "copy FILE" it copies that file to standard output.
 *
 * run: tool
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int copy(const char *path)
{
    static char bytes[1 << 16];
    int fd = open(path, O_RDONLY);
    ssize_t got;

    while ((got = read(fd, bytes, sizeof(bytes))) > 0)
        if (write(1, bytes, (size_t)got) != got)
            return 1;
    return got < 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "copy") == 0)
        return copy(argv[2]);
    for (int i = 0; i < argc; i++)
        printf("%s ", argv[i]);
    printf("%s\n", getenv("MARK") != NULL ? getenv("MARK") : "none");
    return 33;
}

/* cmd_put.c: psctl put: a file, or standard input, into a store, and a proxy of it */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "psctl.h"

static int check_file(const char *file)
{
    struct stat status;
    int result = raw_stat(file, &status);
    int fd;

    if (result < 0)
        return fail("%s: %s", file, strerror(-result));
    if (S_ISDIR(status.st_mode))
        return fail("%s is a folder", file);
    if (!S_ISREG(status.st_mode))
        return fail("%s is no ordinary file", file);
    fd = raw_open(file, O_RDONLY, 0);
    if (fd < 0)
        return fail("%s: %s", file, strerror(-fd));
    close(fd);
    if (is_proxy_file(file))
        return fail("%s is a proxy file already", file);
    return STATUS_OK;
}

int cmd_put(const struct command *self, int argc, char **argv)
{
    static const struct source file = {check_file, ps_store_put_file, 0, 1};

    return into_store(self, argc, argv, &file);
}

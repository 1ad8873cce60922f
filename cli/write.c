/* write.c: bytes to a descriptor, all of them */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "psctl.h"

int write_all(int fd, const char *data, size_t size, const char *name)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail("%s: %s", name, strerror(n < 0 ? errno : EIO));
        data += n;
        size -= (size_t)n;
    }
    return STATUS_OK;
}

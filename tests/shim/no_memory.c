/*
 * no_memory.c: with too little address space an open of a proxy fails; it does not hang
 *
 * run: talks
 */
#include "check.h"

#include <sys/resource.h>

static size_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    CHECK(file != NULL && fscanf(file, "%lu", &pages) == 1 && fclose(file) == 0);
    return pages * PAGE;
}

int main(void)
{
    int failed = 0, opened = 0;

    for (size_t more = 0; more < 400u << 20; more = more * 3 / 2 + 100000) {
        int status;
        pid_t child = fork();

        if (child == 0) {
            struct rlimit limit = {address_space() + more, RLIM_INFINITY};
            unsigned char piece[100];
            int fd;

            time_limit(20);
            CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
            fd = open(px("small"), O_RDONLY);
            if (fd < 0)
                _exit(errno == ENOMEM || errno == EIO ? 3 : 4);
            if (pread(fd, piece, 100, 500000) != 100)
                _exit(errno == EIO ? 3 : 4);
            BYTES(piece, 100, 500000);
            _exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child);
        if (status != 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 3))
            FAIL("with %zu bytes more: 0x%x", more, status);
        failed += status != 0;
        opened += status == 0;
    }
    CHECK(failed > 0 && opened > 0);
    return 0;
}

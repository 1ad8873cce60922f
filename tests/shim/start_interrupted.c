/* start_interrupted.c: signals that come while the engine starts don't change which one it is */
#include "check.h"

#include <sys/time.h>

static void tick(int number)
{
    (void)number;
}

static void first_map(void)
{
    struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = tick};
    int fd = open_px("small");
    unsigned char *at;

    CHECK(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
    at = mmap(NULL, SMALL, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(at != MAP_FAILED && setitimer(ITIMER_REAL, &never, NULL) == 0);
    BYTES(at, PAGE, 0);
}

int main(void)
{
    for (int i = 0; i < 30; i++) {
        pid_t child = fork();

        if (child == 0) {
            first_map();
            _exit(0);
        }
        reap(child);
    }
    return 0;
}

/* redis_help.h: a Redis server of the test's own, on a socket in its folder */
#ifndef REDIS_HELP_H
#define REDIS_HELP_H

#include <criterion/criterion.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Starts it, and gives its pid once it answers. Debian's redis-tools has the server by this name.
 */
static inline pid_t start_redis(const char *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pid_t pid;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/redis.sock", folder);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl("/usr/bin/redis-check-rdb", "redis-server", "--port", "0", "--unixsocket",
              address.sun_path, "--save", "", "--dir", folder, "--logfile", "/dev/null", NULL);
        _exit(127);
    }
    cr_assert(pid > 0 && fd >= 0);
    for (int tries = 0; connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0; tries++) {
        cr_assert(tries < 3000 && waitpid(pid, NULL, WNOHANG) == 0,
                  "redis-server (of Debian's redis-tools) does not start");
        usleep(10000);
    }
    close(fd);
    return pid;
}

static inline void stop_server(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

#endif

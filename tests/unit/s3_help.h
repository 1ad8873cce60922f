/* s3_help.h: an S3 server of the test's own: the stand-in of tests/remote */
#ifndef S3_HELP_H
#define S3_HELP_H

#include <criterion/criterion.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Starts it by its path, on a port that it finds, sets what names it, and gives its pid. */
static inline pid_t start_s3(const char *script)
{
    char endpoint[64];
    int ends[2], port = 0;
    FILE *said;
    pid_t pid;

    cr_assert_eq(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        unsetenv("LD_PRELOAD"); /* of a sanitizer */
        dup2(ends[1], 1);
        execlp("python3", "python3", script, "0", NULL);
        _exit(127);
    }
    close(ends[1]);
    said = fdopen(ends[0], "r");
    cr_assert(pid > 0 && said != NULL && fscanf(said, "ready %d", &port) == 1, "%s does not start",
              script);
    fclose(said);
    snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%d", port);
    setenv("AWS_ENDPOINT_URL_S3", endpoint, 1);
    setenv("AWS_REGION", "eu-test-1", 1);
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "se/cret+", 1);
    return pid;
}

#endif

/*
 * reports.c: the line that a failure prints does no harm, and has its cause in it
 *
 * run: talks link memcheck
 */
#include "check.h"

#include <ps/ps.h>

/* Elsewhere at each call: the same line is not printed twice in a row. */
static void fail_a_read(void)
{
    static int calls;
    char byte;
    int fd = open_px("error");

    FAILS(pread(fd, &byte, 1, calls++ * PAGE), EIO);
    CHECK(close(fd) == 0);
}

/* Nobody reads what the program says: SIGPIPE would end it. */
static void into_a_closed_pipe(void)
{
    sigset_t pipe_signal, pending;
    int ends[2];

    CHECK(pipe(ends) == 0 && dup2(ends[1], 2) == 2 && close(ends[0]) == 0);
    fail_a_read();
    /* nor is one left for later, or one of the program's taken */
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    CHECK(sigprocmask(SIG_BLOCK, &pipe_signal, NULL) == 0);
    fail_a_read();
    CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGPIPE));
    CHECK(raise(SIGPIPE) == 0);
    fail_a_read();
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE));
}

/* A program may close what it was given, and then number 2 is any file that it opens. */
static void into_a_data_file(void)
{
    char text[100];
    int fd;

    CHECK(close(2) == 0);
    fd = open(tmp("results"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(fd == 2 && write(fd, "one", 3) == 3);
    fail_a_read();
    CHECK(write(fd, "two", 3) == 3);
    CHECK(pread(fd, text, sizeof(text), 0) == 6 && memcmp(text, "onetwo", 6) == 0);
    /* what it puts there by name is its standard error */
    hear();
    fail_a_read();
    heard_one("on purpose", NULL);
    CHECK(freopen(tmp("heard"), "w+", stderr) == stderr);
    fail_a_read();
    heard_one("on purpose", NULL);
}

static volatile unsigned char seen;

/* 1900 bytes of URI leave room for what went wrong. */
static void of_a_long_name(void)
{
    enum { STEP = 200 };
    char folder[1700], url[1800], uri[2100];
    struct ps_error err = {0};
    struct ps_store *store;
    struct ps_proxy proxy;
    volatile unsigned char *at;
    size_t used = (size_t)snprintf(folder, sizeof(folder), "%s", tmp("long"));

    CHECK(mkdir(folder, 0700) == 0 || errno == EEXIST);
    while (used + STEP + 1 < sizeof(folder)) {
        folder[used] = '/';
        memset(folder + used + 1, 'a', STEP - 1);
        folder[used += STEP] = '\0';
        CHECK(mkdir(folder, 0700) == 0 || errno == EEXIST);
    }
    snprintf(url, sizeof(url), "file://%s?direct=0", folder);
    CHECK(ps_store_open(&store, url, &err) == 0);
    CHECK(ps_store_put(store, "the-key", folder, strlen(folder), &proxy, &err) == 0);
    snprintf(uri, sizeof(uri), "fail+%s&fail.mode=error", proxy.object);
    at = ps_lazy_map(uri, NULL, NULL, &err);
    if (at == NULL)
        FAIL("%s", err.message);
    hear();
    catch_faults(SIGBUS);
    CHECK(FAULT(seen = at[0]) == SIGBUS);
    heard_one("fail+file:///", "the-key", "on purpose", "memory touched at", NULL);
}

int main(void)
{
    const struct check_case cases[] = {CASE(into_a_closed_pipe), CASE(into_a_data_file),
                                       CASE(of_a_long_name)};
    int on = open(in("FLAGS", "on"), O_WRONLY | O_CREAT, 0666);

    CHECK(on >= 0 && close(on) == 0);
    return CASES(cases, NULL);
}

/* module.h: what the modules of all backends share */
#ifndef PS_MODULE_H
#define PS_MODULE_H

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <ps/backend.h>

/* module_now: of a clock that nobody sets, in ns */
static inline uint64_t module_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* module_until: when a wait of so many ns from now has to end: sooner, where the read does */
static inline uint64_t module_until(uint64_t wait_ns)
{
    uint64_t until = module_now() + wait_ns, deadline = ps_backend_deadline();

    return until < deadline ? until : deadline;
}

/*
 * module_number: take an option with a number out of url
 *
 * parse is ps_parse_size or ps_parse_time. Returns 1 when it was there, 0 when
 * not, and then *number is untouched, or PS_E_INVALID.
 */
static inline int module_number(uint64_t *number, char *url, const char *name,
                                int (*parse)(uint64_t *, const char *, struct ps_error *),
                                struct ps_error *err)
{
    char value[64];
    int result = ps_url_option(url, name, value, sizeof(value), err);

    if (result == 1 && parse(number, value, err) < 0)
        return PS_E_INVALID;
    return result;
}

/*
 * module_write: pwrite, or write where offset is negative
 *
 * A file that is at RLIMIT_FSIZE raises SIGXFSZ, which would end the program: here it is EFBIG.
 */
static inline ssize_t module_write(int fd, const void *buffer, size_t size, off_t offset)
{
    const struct timespec at_once = {0};
    sigset_t xfsz, mask;
    ssize_t put;
    int error;

    sigemptyset(&xfsz);
    sigaddset(&xfsz, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &xfsz, &mask);
    put = offset < 0 ? write(fd, buffer, size) : pwrite(fd, buffer, size, offset);
    error = errno;
    if (put < 0 && error == EFBIG)
        sigtimedwait(&xfsz, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    errno = error;
    return put;
}

#endif

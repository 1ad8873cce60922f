/*
 * error.h: how libps says what went wrong
 *
 * Functions return 0 (or a count) for success and a negative enum ps_code for
 * failure. They fill the caller's struct ps_error, when one is given. The
 * first error wins: an error that is set stays, so that a chain of clean-up
 * calls cannot hide the cause. Public functions clear it first; the services of
 * <ps/backend.h> do not: to a backend's function its caller's error is given.
 */
#ifndef PS_ERROR_H
#define PS_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#define PS_API __attribute__((visibility("default")))

enum ps_code {
    PS_E_INVALID = -1,     /* malformed input or a wrong argument */
    PS_E_NOMEM = -2,       /* no memory, no descriptors, no address space */
    PS_E_NOT_FOUND = -3,   /* no such object, store or file */
    PS_E_UNAVAILABLE = -4, /* the store doesn't answer now; a later try may succeed */
    PS_E_CORRUPT = -5,     /* fewer or other bytes than the proxy promises */
    PS_E_UNSUPPORTED = -6, /* this backend, kernel or release can't do it */
    PS_E_SYSTEM = -7,      /* a system call failed; see sys_errno */
    PS_E_REFUSED = -8,     /* the trust rules forbid it */
    PS_E_STALE = -9,       /* the object is no longer the one that the proxy names */
};

struct ps_error {
    int code;          /* an enum ps_code, or 0 while there is no error */
    int sys_errno;     /* the errno behind it, or 0 */
    char message[240]; /* one line, complete enough to print as it is */
};

/*
 * ps_error_set: record an error, unless one is recorded already
 *
 * err may be NULL. Returns code, so that callers write
 * "return ps_error_set(err, PS_E_NOMEM, errno, ...)". Keeps errno. When
 * sys_errno is not 0, its text is appended to the message, which is cut where
 * there is no more room: quote long texts with a precision, as "%.150s".
 * Control characters become '?'. Thread-safe for distinct err. Allocates
 * nothing.
 */
PS_API int ps_error_set(struct ps_error *err, int code, int sys_errno, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ps_error_clear: no error. err may be NULL. */
PS_API void ps_error_clear(struct ps_error *err);

/* ps_error_errno: the errno that best stands for an enum ps_code; EIO when none is better. */
PS_API int ps_error_errno(int code);

#ifdef __cplusplus
}
#endif

#endif

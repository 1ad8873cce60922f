/*
 * try.h: a failed touch of lazy memory as an error, not as SIGBUS
 *
 *     struct ps_failure failure;
 *
 *     PS_TRY(&failure) {
 *         sum += a[123456];
 *     } PS_CATCH {
 *         fprintf(stderr, "%s: %s\n", failure.object, failure.error.message);
 *     }
 *
 * A block may be left in any way but longjmp: break and continue leave the
 * block itself, return and goto work as ever. Blocks nest; the innermost of the
 * thread takes the failure. As after any longjmp, local variables that were
 * changed in the block are good behind it only if they are volatile; and no
 * function that the block called comes to its end: one that holds a lock, as
 * fwrite does, keeps it. See ps_try(3). Needs gcc or clang.
 */
#ifndef PS_TRY_H
#define PS_TRY_H

#include <setjmp.h>
#include <stdint.h>

#include <ps/error.h>
#include <ps/proxy.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What could not be had. The caller's: nothing in it is owned. */
struct ps_failure {
    struct ps_error error;   /* the cause */
    void *address;           /* that was touched */
    uint64_t offset, length; /* bytes of the object that could not be had: the page */
    char object[PS_URI_MAX]; /* URI of the object */
};

/* A block. Its members are libps's own. */
struct ps_try {
    struct ps_try *outer;
    struct ps_failure *failure;
    uint64_t mask;
    int entered, runs;
    jmp_buf back;
};

/* PS_TRY(failure) { touches } PS_CATCH { what is done when one failed }; failure may be NULL, and
 * PS_CATCH may be left out. */
#define PS_TRY(failure)   PS_TRY_1(__LINE__, failure)
#define PS_CATCH          else
#define PS_TRY_1(line, f) PS_TRY_2(line, f) /* so that nested blocks have names of their own */
#define PS_TRY_2(line, f)                                                                          \
    for (struct ps_try ps_try_##line __attribute__((cleanup(ps_try_end))) = PS_TRY_NEW;            \
         ps_try_##line.runs++ == 0;)                                                               \
        if (setjmp(ps_try_##line.back) == 0 && ps_try_begin(&ps_try_##line, (f)))
#ifdef __cplusplus
#define PS_TRY_NEW                                                                                 \
    {                                                                                              \
    }
#else
#define PS_TRY_NEW                                                                                 \
    {                                                                                              \
        0                                                                                          \
    }
#endif

/*
 * ps_try_begin, ps_try_end: for PS_TRY only
 *
 * From the first on, SIGBUS is libps's, with the program's action behind it. 0: it can't be had,
 * and failure holds the cause.
 */
PS_API int ps_try_begin(struct ps_try *block, struct ps_failure *failure);
PS_API void ps_try_end(struct ps_try *block);

/*
 * ps_on_failure: have a function called before SIGBUS is raised for a touch that failed
 *
 * On the thread that touched, in a signal handler: it may call what is async-signal-safe only,
 * touches no lazy memory, and returns. Then the program's own handler is called, or SIGBUS ends the
 * program. Not for what a PS_TRY takes. One function for the process; NULL: none any more. Errors:
 * PS_E_SYSTEM. Thread-safe, but not in a handler.
 */
PS_API int ps_on_failure(void (*function)(const struct ps_failure *failure, void *argument),
                         void *argument, struct ps_error *err);

#ifdef __cplusplus
}
#endif

#endif

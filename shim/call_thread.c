/*
 * call_thread.c: threads that libraries of backends start
 *
 * libcurl looks names up in a thread of its own, which closes what call_own.c gave the thread of
 * libps that started it. So it is a thread of libps, too: outside of the guard its close would be
 * taken for the program's, and each lookup that nobody waited for would leave a descriptor.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/sanitizer.h"
#include "hook.h"
#include "real.h"

/* A sanitizer has to see each thread begin; from here, calls would pass it by. */
#if !defined(PS_ADDRESS_SANITIZER) && !defined(PS_THREAD_SANITIZER)

struct start {
    void *(*body)(void *);
    void *argument;
};

static void *run_guarded(void *start)
{
    struct start own = *(struct start *)start;

    ps_guard_enter();
    free(start);
    return own.body(own.argument);
}

HOOK(int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument))
{
    struct start *start;
    int result;

    if (!ps_guard_held())
        return REAL(pthread_create)(thread, attributes, body, argument);
    start = malloc(sizeof(*start));
    if (start == NULL)
        return EAGAIN;
    *start = (struct start){body, argument};
    result = REAL(pthread_create)(thread, attributes, run_guarded, start);
    if (result != 0)
        free(start);
    return result;
}

#endif

/*
 * ending.c: a put that is ended by a signal puts away first what is half stored
 *
 * Parts of an upload would be kept and paid for, and nobody would see them. So
 * the signal is only noted; the put fails at its next step, cleans up as it does
 * after any failure, and then psctl ends by that signal, as a shell expects: a
 * loop that is interrupted goes on after a program that merely says 130.
 */
#include <signal.h>
#include <stdatomic.h>

#include "psctl.h"

static atomic_int came; /* read by threads of libps, too */

static void on_signal(int signal)
{
    atomic_store(&came, signal);
}

void ending_begin(void)
{
    static const int ends[] = {SIGHUP, SIGINT, SIGTERM};
    const struct sigaction once = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND | SA_RESTART};
    struct sigaction old;

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (sigaction(ends[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(ends[i], &once, NULL);
}

int ending(void)
{
    return atomic_load(&came);
}

void ending_finish(void)
{
    int signal = ending();

    if (signal == 0)
        return;
    fflush(stdout);
    raise(signal); /* its action is the default one again */
}

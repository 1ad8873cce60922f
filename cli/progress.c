/* progress.c: one line on a terminal: how much of how much, how fast, and how long it will take */
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "psctl.h"

enum { EVERY_NS = 100000000, WIDTH = 78 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects what follows */
static uint64_t began, shown;                            /* ns; 0: nothing is shown */

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void show(uint64_t done, uint64_t size, uint64_t took)
{
    char some[32], all[32], each[32], left[32], line[160];
    double rate = (double)done / ((double)took / 1e9);

    human_size(done, some, sizeof(some));
    human_size(size, all, sizeof(all));
    human_size((uint64_t)rate, each, sizeof(each));
    human_time(rate > 0 ? (uint64_t)((double)(size - done) / rate * 1e9) : 0, left, sizeof(left));
    snprintf(line, sizeof(line), "%3u%%  %s of %s, %s/s, %s left",
             (unsigned)(size > 0 ? 100 * (double)done / (double)size : 100), some, all, each, left);
    fprintf(stderr, "\r%-*.*s", WIDTH, WIDTH, line);
    fflush(stderr);
}

int progress_show(uint64_t done, uint64_t size)
{
    uint64_t time = now();

    if (pthread_mutex_trylock(&lock) != 0)
        return ending(); /* another thread is at it */
    if (began != 0 && time - shown >= EVERY_NS && done <= size) {
        shown = time;
        show(done, size, time - began + 1);
    }
    pthread_mutex_unlock(&lock);
    return ending();
}

void progress_begin(int is_quiet)
{
    if (!is_quiet && isatty(STDERR_FILENO))
        began = shown = now();
    ps_on_progress(progress_show);
}

void progress_end(void)
{
    ps_on_progress(NULL);
    pthread_mutex_lock(&lock);
    if (shown != began) {
        fprintf(stderr, "\r%*s\r", WIDTH, "");
        fflush(stderr);
    }
    began = shown = 0;
    pthread_mutex_unlock(&lock);
}

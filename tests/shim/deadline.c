/*
 * deadline.c: a store that does not answer is waited for until PS_DEADLINE, by as many as there are
 *
 * run: link
 */
#include "own_store.h"

#include <pthread.h>
#include <stdatomic.h>

#include <ps/try.h>

enum { THREADS = 20 }; /* more than there are workers */

static unsigned char *map;
static atomic_uint failed;

static void *touch(void *page)
{
    struct ps_failure failure;

    PS_TRY(&failure)
    {
        FAIL("0x%02x came", *(volatile unsigned char *)page);
    }
    PS_CATCH
    {
        if (failure.error.code != PS_E_UNAVAILABLE ||
            strstr(failure.error.message, "nothing came within 500 ms") == NULL)
            FAIL("%s", failure.error.message);
        failed++;
    }
    return NULL;
}

int main(void)
{
    static char url[2400], uri[4096];
    struct ps_error err = {0};
    struct ps_proxy proxy;
    pthread_t threads[THREADS];

    time_limit(10);
    unsetenv("PS_FAIL_WHILE"); /* fail+ stalls always */
    CHECK(setenv("PS_DEADLINE", "500ms", 1) == 0);
    snprintf(url, sizeof(url), "fail+file://%s/deadline.%d?direct=0&fail.mode=stall&fail.stall=50s",
             getenv("TMP"), (int)getpid());
    put_own(url, &proxy);
    snprintf(uri, sizeof(uri), "%s#size=%d&version=%s", proxy.object, SMALL, proxy.version);
    map = ps_lazy_map(uri, NULL, NULL, &err);
    if (map == NULL)
        FAIL("%s", err.message);
    for (size_t i = 0; i < THREADS / 2; i++) /* some are fetched already, for nobody */
        CHECK(ps_prefetch(map, i * 5 * PAGE, PAGE, &err) == 0);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, touch, map + i * 5 * PAGE) == 0);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(failed == THREADS);
    _exit(0); /* workers are still at it */
}

/*
 * kept_workers.c: a store that does not answer what nobody waits for, keeps nobody from another
 *
 * run: link talks
 */
#include "own_store.h"

int main(void)
{
    static char stalled[4096], folder[1100], url[2400];
    struct ps_error err = {0};
    struct ps_proxy proxy;
    unsigned char *at;

    time_limit(30);
    unsetenv("PS_FAIL_WHILE"); /* fail+ stalls always */
    snprintf(folder, sizeof(folder), "%s/%d", getenv("TMP"), (int)getpid());
    CHECK(mkdir(folder, 0700) == 0);
    snprintf(url, sizeof(url), "file://%s?direct=0", folder);
    put_own(url, &proxy);
    snprintf(stalled, sizeof(stalled),
             "fail+file://%s/key?direct=0&fail.mode=stall&fail.stall=50s#size=%d&version=%s",
             folder, SMALL, proxy.version);
    snprintf(url, sizeof(url), "file://%s fail+file://%s", folder, folder);
    CHECK(setenv("PS_ALLOW", url, 1) == 0);
    at = ps_lazy_map(stalled, NULL, NULL, &err);
    if (at == NULL)
        FAIL("%s", err.message);
    for (size_t page = 0; page < 200; page += 2)
        CHECK(ps_prefetch(at, page * PAGE, PAGE, &err) == 0);
    usleep(100000);
    at = ps_lazy_map(proxy.object, NULL, NULL, &err);
    if (at == NULL)
        FAIL("%s", err.message);
    BYTES(at, SMALL, 0);
    _exit(0); /* workers are still at it */
}

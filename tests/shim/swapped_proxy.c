/*
 * swapped_proxy.c: a proxy is trusted for the folder that it was read from
 *
 * Whoever owns that folder puts a hostile proxy and a link into another's
 * folder in its place by turns: the proxy must not be taken for one of there.
 *
 * run: link once
 */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include <ps/ps.h>

static atomic_int stop;

static void *swap(void *argument)
{
    const char *hostile = tmp("evil/hostile"), *link_to = tmp("evil/link"),
               *copy = tmp("evil/copy"), *path = tmp("evil/x.psx");

    while (!atomic_load(&stop)) {
        CHECK(symlink("../others/any", link_to) == 0 && rename(link_to, path) == 0);
        CHECK(link(hostile, copy) == 0 && rename(copy, path) == 0);
    }
    return argument;
}

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");

    CHECK(out != NULL && fputs(text, out) >= 0 && fclose(out) == 0);
}

int main(void)
{
    struct ps_proxy hostile = {.size = 6, .has_size = 1};
    struct ps_error err = {0};
    time_t end = time(NULL) + 3;
    pthread_t thread;
    int refused = 0;

    CHECK((mkdir(tmp("evil"), 0700) == 0 && mkdir(tmp("others"), 0700) == 0) || errno == EEXIST);
    write_file(tmp("others/secret"), "secret");
    write_file(tmp("others/any"), "any");
    snprintf(hostile.object, sizeof(hostile.object), "file://%s", tmp("others/secret"));
    CHECK(ps_proxy_write(&hostile, tmp("evil/hostile"), &err) == 0);
    CHECK(ps_lazy_map(tmp("evil/hostile"), NULL, NULL, &err) == NULL && err.code == PS_E_REFUSED);
    unlink(tmp("evil/x.psx"));
    CHECK(symlink("../others/any", tmp("evil/x.psx")) == 0);
    CHECK(pthread_create(&thread, NULL, swap, NULL) == 0);
    for (int i = 0; i < 4000 && time(NULL) < end; i++) {
        CHECK(ps_lazy_map(tmp("evil/x.psx"), NULL, NULL, &err) == NULL);
        refused += err.code == PS_E_REFUSED;
    }
    atomic_store(&stop, 1);
    CHECK(pthread_join(thread, NULL) == 0 && refused > 0);
    return 0;
}

/* store.c: what a store puts into the proxies that it makes, and puts that are ended */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ps/ps.h>

static void made_by(const char *url, const char *object)
{
    struct ps_error err = {0};
    struct ps_store *store;
    struct ps_proxy proxy;
    char text[PS_PROXY_FILE_SIZE];

    cr_assert_eq(ps_store_open(&store, url, &err), 0, "%s", err.message);
    cr_assert_eq(ps_store_put(store, "k", "abc", 3, &proxy, &err), 0, "%s", err.message);
    cr_expect_str_eq(proxy.object, object);
    cr_expect_eq(ps_proxy_format_file(&proxy, text, &err), 0, "%s: %s", url, err.message);
    ps_store_close(store);
}

/* A proxy is copied and mailed; the password stays in the configuration. */
Test(store, proxies_have_no_password)
{
    made_by("memory://space", "memory://space/k");
    made_by("memory://user@space", "memory://user@space/k");
    made_by("memory://user:secret@space", "memory://user@space/k");
    made_by("memory://user%3Asecret@space/deep", "memory://user@space/deep/k");
    made_by("memory://:s@cret@space", "memory://space/k");
    made_by("memory://space/a:b@c", "memory://space/a:b@c/k");
}

static atomic_int steps;

static int go_on(uint64_t done, uint64_t size)
{
    return atomic_fetch_add(&steps, 1) > 0 || done > size;
}

/* At the second step; what was there under the key stays. */
Test(store, progress_ends_a_put)
{
    static char bytes[5 << 20];
    char folder[] = "/tmp/libps-store-XXXXXX", url[64];
    struct ps_error err = {0};
    struct ps_store *store;
    size_t size;
    void *data;

    cr_assert_not_null(mkdtemp(folder));
    snprintf(url, sizeof(url), "file://%s", folder);
    cr_assert_eq(ps_store_open(&store, url, &err), 0, "%s", err.message);
    cr_assert_eq(ps_store_put(store, "k", "abc", 3, NULL, &err), 0, "%s", err.message);
    ps_on_progress(go_on);
    cr_expect_eq(ps_store_put(store, "k", bytes, sizeof(bytes), NULL, &err), PS_E_SYSTEM);
    cr_expect_eq(err.sys_errno, ECANCELED);
    cr_expect_eq(atomic_load(&steps), 2);
    ps_on_progress(NULL);
    cr_assert_eq(ps_store_get(store, "k", &data, &size, &err), 0, "%s", err.message);
    cr_expect(size == 3 && memcmp(data, "abc", 3) == 0);
    free(data);
    cr_expect_eq(ps_store_evict(store, "k", &err), 0);
    ps_store_close(store);
    cr_expect_eq(rmdir(folder), 0, "something is left in %s", folder);
}

/* store.c: what a store puts into the proxies that it makes */
#include <criterion/criterion.h>

#include <string.h>

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

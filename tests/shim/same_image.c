/*
 * same_image.c: which proxies share an image: those of the same bytes, and no others
 *
 * run: link memcheck
 */
#include "check.h"

#include <ps/ps.h>

static struct ps_store *store;
static struct ps_error err;

static unsigned char *map(const char *object, const char *attributes, size_t *size)
{
    char uri[2200];
    void *at;

    snprintf(uri, sizeof(uri), "%s%s", object, attributes);
    at = ps_lazy_map(uri, size, NULL, &err);
    if (at == NULL)
        FAIL("%s: %s", uri, err.message);
    return at;
}

static void open_store(const char *options)
{
    char url[1100];

    snprintf(url, sizeof(url), "file://%s%s", tmp("objects"), options);
    CHECK(mkdir(tmp("objects"), 0700) == 0 || errno == EEXIST);
    if (ps_store_open(&store, url, &err) < 0)
        FAIL("%s", err.message);
}

static void part(const char *object, const char *attributes, size_t offset, size_t wanted)
{
    size_t size;
    unsigned char *at = map(object, attributes, &size);

    if (size != wanted)
        FAIL("%s: %zu bytes, not %zu", attributes, size, wanted);
    BYTES(at, size, offset);
}

/* It can't be mapped, or not be touched where a version promised the whole. */
static void refused(const char *object, const char *attributes)
{
    char uri[2200];
    struct ps_error cause = {0};
    void *at;

    snprintf(uri, sizeof(uri), "%s%s", object, attributes);
    at = ps_lazy_map(uri, NULL, NULL, &cause);
    if (at != NULL)
        ps_resolve(at, 0, 0, &cause);
    if (cause.code != PS_E_STALE)
        FAIL("%s: %d %s", attributes, cause.code, cause.message);
}

static void parts_of_one_object(void)
{
    struct ps_proxy proxy;
    char part_of[200];

    open_store("?direct=0");
    CHECK(ps_store_put_file(store, "parts", data("small"), &proxy, &err) == 0);
    part(proxy.object, "#offset=4096&size=100", 4096, 100);
    part(proxy.object, "#offset=4096", 4096, SMALL - 4096);
    part(proxy.object, "#offset=4096&size=200", 4096, 200);
    part(proxy.object, "#offset=0&size=100", 0, 100);
    part(proxy.object, "", 0, SMALL);
    part(proxy.object, "#offset=0", 0, SMALL);
    snprintf(part_of, sizeof(part_of), "#size=100&version=%s", proxy.version);
    refused(proxy.object, part_of);
    snprintf(part_of, sizeof(part_of), "#offset=0&size=100&version=%s", proxy.version);
    part(proxy.object, part_of, 0, 100);
    refused(proxy.object, "#size=100"); /* it says that 100 bytes are all */
}

/* An object under a key that held another: a proxy without a version means what is there now. */
static void replaced(const char *options)
{
    static char first[3 * PAGE], second[3 * PAGE];
    struct ps_proxy proxy;
    unsigned char *before, *after;
    size_t size;

    open_store(options);
    memset(first, 'A', sizeof(first));
    memset(second, 'B', sizeof(second));
    CHECK(ps_store_put(store, "replaced", first, sizeof(first), &proxy, &err) == 0);
    before = map(proxy.object, "", &size);
    CHECK(before[0] == 'A');
    CHECK(ps_resolve(before, 0, 0, &err) == 0);
    CHECK(ps_store_put(store, "replaced", second, sizeof(second), &proxy, &err) == 0);
    after = map(proxy.object, "", &size);
    for (size_t i = 0; i < size; i++)
        CHECK(before[i] == 'A' && after[i] == 'B');
    CHECK(map(proxy.object, "#size=12288", &size)[0] == 'B');
}

static void replaced_in_an_image(void)
{
    replaced("?direct=0");
}

static void replaced_as_a_file(void)
{
    replaced("");
}

int main(void)
{
    const struct check_case cases[] = {CASE(parts_of_one_object), CASE(replaced_in_an_image),
                                       CASE(replaced_as_a_file)};

    return CASES(cases, NULL);
}

/* backends_url.c: URLs, their options, and finding the backend of a scheme */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "backend_registry.h"
#include "backends_help.h"
#include "url.h"

Test(url, split_and_join)
{
    static const struct {
        const char *object, *store, *key, *joined; /* joined: NULL where it is object */
    } rows[] = {
        {"file:///a/b", "file:///a", "b", NULL},
        {"file:///b", "file:///", "b", NULL},
        {"file:///a/b?direct=0", "file:///a?direct=0", "b", NULL},
        {"file:///a/b?x=/c/d", "file:///a?x=/c/d", "b", NULL},
        {"file:///a/x%20%25y", "file:///a", "x %y", NULL},
        {"file:///a%2Fb/c", "file:///a%2Fb", "c", NULL},
        {"file:///a/%62", "file:///a", "b", "file:///a/b"},
        {"file:///a/\xc3\xa4", "file:///a", "\xc3\xa4", "file:///a/%C3%A4"},
        {"memory://m/k", "memory://m", "k", NULL},
        {"redis://h:6379/0/mesh-42", "redis://h:6379/0", "mesh-42", NULL},
        {"delay+file:///a/b?delay.latency=1ms", "delay+file:///a?delay.latency=1ms", "b", NULL},
        {"https://h/d/x?a=1&b=2", "https://h/d?a=1&b=2", "x", NULL},
        {"http://h/x//a", "http://h/x//", "a", NULL},
        {"http://h//a?b", "http://h//?b", "a", NULL},
        {"s3://b/x//y///a", "s3://b/x//y///", "a", NULL},
        {"file:///a/...", "file:///a", "...", NULL},
    };
    char store[PS_URI_MAX], key[256], joined[PS_URI_MAX];
    struct ps_error err = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_assert_eq(ps_url_split(rows[i].object, store, sizeof(store), key, sizeof(key), &err), 0,
                     "%s", err.message);
        cr_assert_str_eq(store, rows[i].store);
        cr_assert_str_eq(key, rows[i].key);
        cr_assert_eq(ps_url_join(joined, sizeof(joined), store, key, &err), 0, "%s", err.message);
        cr_assert_str_eq(joined, rows[i].joined ? rows[i].joined : rows[i].object);
    }
    cr_assert_eq(ps_url_join(joined, sizeof(joined), "file:///a/?x=1", "k", &err), 0);
    cr_assert_str_eq(joined, "file:///a/k?x=1");
}

Test(url, bad_objects)
{
    static const char *const rows[] = {
        "",
        "/a/b",
        "file:/a/b",
        "file:///a/",
        "file:///a/?b",
        "memory://m",
        "://a/b",
        "file:///a/..",
        "file:///a/.",
        "file:///a/%2e%2E",
        "file:///a/%00",
        "file:///a/b%2Fc",
        "file:///a/%4",
        "file:///a/%zz",
        "x?y=file:///a/b",
        "file:///a/b%",
        "memory://",
    };
    char store[PS_URI_MAX], key[256];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ps_error err = {0};

        cr_assert_eq(ps_url_split(rows[i], store, sizeof(store), key, sizeof(key), &err),
                     PS_E_INVALID, "'%s' was taken", rows[i]);
        cr_assert_neq(err.message[0], '\0');
    }
    cr_assert_eq(ps_url_join(store, sizeof(store), "file:///a", "b/c", NULL), PS_E_INVALID);
    cr_assert_eq(ps_url_join(store, sizeof(store), "nonsense", "b", NULL), PS_E_INVALID);
}

Test(url, every_size_of_room)
{
    const char *object = "file:///a/b%20c?x=1";
    char store[32], key[32], joined[32];

    for (size_t room = 0; room < 32; room++) {
        /* sanitizers see a byte too much, as the buffers are exact */
        char *exact = malloc(room ? room : 1);
        int split = ps_url_split(object, exact, room, key, sizeof(key), NULL);

        cr_assert_eq(split == 0, room >= sizeof("file:///a?x=1"));
        split = ps_url_split(object, store, sizeof(store), exact, room, NULL);
        cr_assert_eq(split == 0, room >= sizeof("b c"));
        split = ps_url_join(exact, room, "file:///a?x=1", "b c", NULL);
        cr_assert_eq(split == 0, room > strlen(object));
        split = ps_url_encode(exact, room, "b c", NULL);
        cr_assert_eq(split == 0, room >= sizeof("b%20c"));
        free(exact);
    }
    cr_assert_eq(ps_url_join(joined, sizeof(joined), "file:///a?x=1", "b c", NULL), 0);
    cr_assert_str_eq(joined, object);
}

Test(url, inner)
{
    cr_assert_str_eq(ps_url_inner("delay+fail+file:///a+b"), "file:///a+b");
    cr_assert_str_eq(ps_url_inner("file:///a+b"), "file:///a+b");
    cr_assert_str_eq(ps_url_inner("/a+b"), "/a+b");
    cr_assert_str_eq(ps_url_inner(""), "");
}

Test(url, options)
{
    char url[64] = "x://h/p?a=1&bb=%2f%20&a=2&c";
    char value[8];
    struct ps_error err = {0};

    cr_assert_eq(ps_url_option(url, "b", value, sizeof(value), &err), 0);
    cr_assert_eq(ps_url_option(url, "bb", value, sizeof(value), &err), 1);
    cr_assert_str_eq(value, "/ ");
    cr_assert_str_eq(url, "x://h/p?a=1&a=2&c");
    cr_assert_eq(ps_url_option(url, "a", value, 1, NULL), PS_E_INVALID);
    cr_assert_eq(ps_url_option(url, "a", value, sizeof(value), &err), 1);
    cr_assert_str_eq(value, "1");
    cr_assert_eq(ps_url_option(url, "a", value, sizeof(value), &err), 1);
    cr_assert_str_eq(url, "x://h/p?c");
    cr_assert_eq(ps_url_end_options(url, &err), PS_E_INVALID);
    cr_assert_str_eq(err.message, "unknown option 'c'");
    strcpy(url, "x://h/p?a=1");
    cr_assert_eq(ps_url_option(url, "a", value, sizeof(value), NULL), 1);
    cr_assert_str_eq(url, "x://h/p");
    cr_assert_eq(ps_url_end_options(url, NULL), 0);
    cr_assert_eq(ps_url_option(url, "a", value, sizeof(value), NULL), 0);
}

Test(url, a_secret_is_not_in_the_message)
{
    struct ps_error err = {0};

    ps_url_end_options("x://h/p?token=geheim", &err);
    cr_assert_null(strstr(err.message, "geheim"));
}

Test(url, sizes_and_times)
{
    static const struct {
        const char *text;
        int ok;
        uint64_t value;
    } sizes[] = {{"0", 1, 0},
                 {"64", 1, 64},
                 {"64K", 1, 65536},
                 {"1M", 1, 1 << 20},
                 {"2G", 1, UINT64_C(2) << 30},
                 {"1T", 1, UINT64_C(1) << 40},
                 {"18446744073709551615", 1, UINT64_MAX},
                 {"18446744073709551616", 0, 0},
                 {"16777216T", 0, 0},
                 {"", 0, 0},
                 {"K", 0, 0},
                 {"-1", 0, 0},
                 {"1k", 0, 0},
                 {"1KB", 0, 0},
                 {" 1", 0, 0}},
      times[] = {{"10ms", 1, 10000000},
                 {"250us", 1, 250000},
                 {"3s", 1, UINT64_C(3000000000)},
                 {"3", 1, UINT64_C(3000000000)},
                 {"0.5", 1, 500000000},
                 {"1.25ms", 1, 1250000},
                 {"0.0000000019", 1, 1},
                 {"40ns", 1, 40},
                 {"0", 1, 0},
                 {"", 0, 0},
                 {"ms", 0, 0},
                 {"1.", 0, 0},
                 {".5", 0, 0},
                 {"1h", 0, 0},
                 {"-1", 0, 0},
                 {"18446744074", 0, 0},
                 {"1 ms", 0, 0}};
    uint64_t value;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int result = ps_parse_size(&value, sizes[i].text, NULL);

        cr_assert_eq(result, sizes[i].ok ? 0 : PS_E_INVALID, "size '%s'", sizes[i].text);
        cr_assert(!sizes[i].ok || value == sizes[i].value, "size '%s'", sizes[i].text);
    }
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        int result = ps_parse_time(&value, times[i].text, NULL);

        cr_assert_eq(result, times[i].ok ? 0 : PS_E_INVALID, "time '%s'", times[i].text);
        cr_assert(!times[i].ok || value == times[i].value, "time '%s'", times[i].text);
    }
}

Test(registry, bad_schemes)
{
    static const char *const invalid[] = {
        "",          "nothing", "://x",    "+file:///x", "../../tmp/x://y", "a/b://c",
        "FILE:///x", "1a://x",  "file:/x", "a_b://c",    "file+memory://x",
    };
    struct place p = {0};

    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
        expect_code(&p, try_place(&p, invalid[i]), PS_E_INVALID);
    expect_code(&p, try_place(&p, "delay://x"), PS_E_INVALID);
    expect_code(&p, try_place(&p, "delay+nowhere://x"), PS_E_UNSUPPORTED);
    expect_code(&p, try_place(&p, "nowhere://x"), PS_E_UNSUPPORTED);
    close_place(&p);
}

Test(registry, a_module_is_loaded_once)
{
    const struct ps_backend *one, *two;

    use_built_modules();
    cr_assert_eq(ps_backend_find(&one, "delay+memory://x", NULL), 0);
    setenv("PS_BACKEND_PATH", "/nonexistent", 1);
    cr_assert_eq(ps_backend_find(&two, "delay+memory://x", NULL), 0);
    cr_assert_eq(one, two);
    cr_assert_eq(ps_backend_find(&two, "fail+memory://x", NULL), PS_E_UNSUPPORTED);
}

/* Compiles a module from source text into the test's folder. */
static void build_module(const struct place *p, const char *name, const char *text)
{
    char source[128], command[512];
    FILE *file;

    snprintf(source, sizeof(source), "%s/m.c", p->folder);
    file = fopen(source, "w");
    cr_assert_not_null(file);
    fprintf(file, "#include <stdint.h>\n#include <stddef.h>\n%s\n", text);
    fclose(file);
    snprintf(command, sizeof(command), "cc -shared -fPIC -o %s/libps-backend-%s.so %s", p->folder,
             name, source);
    cr_assert_eq(system(command), 0);
}

Test(registry, a_module_that_does_not_fit_is_refused)
{
    const struct ps_backend *found;
    struct place p;

    if (system("cc --version >/dev/null 2>&1") != 0)
        cr_skip_test("no compiler");
    make_folder(&p);
    setenv("PS_BACKEND_PATH", p.folder, 1);
    build_module(&p, "empty", "int nothing;");
    expect_code(&p, ps_backend_find(&found, "empty://x", &p.err), PS_E_UNSUPPORTED);
    build_module(&p, "other", "void *ps_backend_init(uint32_t v) { (void)v; return NULL; }");
    expect_code(&p, ps_backend_find(&found, "other://x", &p.err), PS_E_UNSUPPORTED);
    build_module(&p, "small",
                 "static struct { size_t size; uint32_t api, flags; } b = {16, 1, 0};"
                 "void *ps_backend_init(uint32_t v) { (void)v; return &b; }");
    expect_code(&p, ps_backend_find(&found, "small://x", &p.err), PS_E_UNSUPPORTED);
    /* an older module, without the optional members: they are NULL, not what lies behind it */
    build_module(&p, "old",
                 "static void f(void) {}"
                 "static struct { size_t size; uint32_t api, flags; const char *n, *s, *h;"
                 "void (*m[4])(void); void *beyond[4]; } b = {72, 1, 0, \"old\", \"old older\","
                 "\"\", {f, f, f, f}, {f, f, f, f}};"
                 "void *ps_backend_init(uint32_t v) { (void)v; return &b; }");
    ps_error_clear(&p.err);
    cr_assert_eq(offsetof(struct ps_backend, put), 72);
    cr_assert_eq(ps_backend_find(&found, "old://x", &p.err), 0, "%s", p.err.message);
    cr_assert(found->read != NULL && found->put == NULL && found->descriptor == NULL);
    cr_assert_eq(ps_backend_find(&found, "older://x", &p.err), 0, "%s", p.err.message);
    expect_code(&p, ps_backend_find(&found, "old+x://x", &p.err), PS_E_INVALID);
    close_place(&p);
}

/* trust.c: what a proxy file may name, and what a hostile one may not */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ps/ps.h>

#include "trust.h"

/*
 * The world of these tests:
 *
 *     desk/           where the proxy files are
 *     desk/data/      objects beside them
 *     secret/shadow   what must not be read
 *     store/ allowed/ a configured store, an allowed folder
 */
static char folder[64];

static void make_world(void)
{
    strcpy(folder, "/tmp/ps-trust-XXXXXX");
    cr_assert(mkdtemp(folder) != NULL);
    cr_assert_eq(chdir(folder), 0);
    for (const struct ps_variable *v = ps_variables; v->name; v++)
        unsetenv(v->name);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("XDG_DATA_HOME");
    setenv("HOME", folder, 1);
    cr_assert_eq(system("mkdir -p desk/data secret store allowed allowed-not"
                        " .local/share/libps/objects && echo root > secret/shadow"),
                 0);
}

static void remove_world(void)
{
    char command[100];

    sprintf(command, "rm -rf %s", folder);
    cr_expect_eq(system(command), 0);
}

TestSuite(trust, .init = make_world, .fini = remove_world);

/* Sets a variable to text with every '@' replaced by the test's folder. */
static char *expand(char *out, const char *text)
{
    char *at = out;

    for (; *text; text++)
        if (*text == '@' && text[1] == '/')
            at += sprintf(at, "%s", folder);
        else
            *at++ = *text;
    *at = '\0';
    return out;
}

static void configure(const char *text)
{
    char expanded[1000], path[100];
    FILE *out;

    sprintf(path, "%s/config", folder);
    out = fopen(path, "w");
    cr_assert(out != NULL);
    fputs(expand(expanded, text), out);
    fclose(out);
    chmod(path, 0600);
    setenv("PS_CONFIG", path, 1);
    ps_config_reset();
}

static int check(const char *object, const char *proxy_folder, char *result, struct ps_error *err)
{
    const struct ps_config *config = ps_config_get(err);
    struct ps_proxy proxy = {.size = 1, .has_size = 1};
    char where[200];

    cr_assert(config != NULL, "%s", err->message);
    expand(proxy.object, object);
    return ps_trust_check(config, &proxy, proxy_folder ? expand(where, proxy_folder) : NULL, result,
                          PS_URI_MAX, err);
}

static void expect_allowed(const char *object, const char *proxy_folder, const char *result)
{
    char got[PS_URI_MAX], want[PS_URI_MAX];
    struct ps_error err = {0};

    cr_expect_eq(check(object, proxy_folder, got, &err), 0, "%s: %s", object, err.message);
    cr_expect_str_eq(got, expand(want, result));
}

static void expect_error(const char *object, const char *proxy_folder, int code, const char *says)
{
    char got[PS_URI_MAX], want[PS_URI_MAX];
    struct ps_error err = {0};

    cr_expect_eq(check(object, proxy_folder, got, &err), code, "%s: %s", object, err.message);
    cr_expect(strstr(err.message, expand(want, says)) != NULL, "%s: says \"%s\"", object,
              err.message);
    cr_expect_str_eq(got, "", "nothing to open is left");
}

static void expect_refused(const char *object)
{
    expect_error(object, "@/desk", PS_E_REFUSED, "is not allowed here: set PS_ALLOW");
}

Test(trust, beside_the_proxy)
{
    expect_allowed("file://@/desk/x", "@/desk", "file://@/desk/x");
    expect_allowed("file://@/desk/data/x", "@/desk/", "file://@/desk/data/x");
    expect_allowed("file://localhost@/desk/data/x%20y", "@/desk", "file://@/desk/data/x%20y");
    expect_allowed("delay+fail+file://@/desk/x?ms=1", "@/desk", "delay+fail+file://@/desk/x?ms=1");
    expect_allowed("file://@/desk/./data//x", "@/desk", "file://@/desk/data/x");
    cr_assert_eq(chdir("desk"), 0);
    expect_allowed("file://@/desk/x", ".", "file://@/desk/x");
    expect_allowed("file://@/desk/x", "", "file://@/desk/x");
    cr_assert_eq(chdir(".."), 0);
    expect_allowed("file://@/desk/x", "desk", "file://@/desk/x");
}

Test(trust, the_programs_own_word)
{
    expect_allowed("file://@/secret/shadow", NULL, "file://@/secret/shadow");
    expect_allowed("redis://h:1/0/k", NULL, "redis://h:1/0/k");
    expect_error("file://@/none/x", NULL, PS_E_NOT_FOUND, "@/none");
    expect_error("file://@/desk/../secret/shadow", NULL, PS_E_INVALID, "\"..\"");
}

Test(trust, hostile_paths)
{
    expect_refused("file:///etc/shadow");
    expect_refused("file://@/secret/shadow");
    expect_refused("file:///shadow");
    expect_refused("delay+file://@/secret/shadow");
    expect_refused("delay+file://@/secret/shadow?x=@/desk/y");
    expect_refused("file://@/desks");
    expect_refused("file:///proc/self/environ");
    expect_error("file://@/desk/../secret/shadow", "@/desk", PS_E_INVALID, "\"..\"");
    expect_error("file://@/desk/%2e%2e/secret/shadow", "@/desk", PS_E_INVALID, "\"..\"");
    expect_error("file://@/desk/..%2fsecret/shadow", "@/desk", PS_E_INVALID, "\"..\"");
    expect_error("file://@/desk%2f..%2Fsecret%2fshadow", "@/desk", PS_E_INVALID, "\"..\"");
    expect_error("file://@/desk/data/", "@/desk", PS_E_INVALID, "names a folder");
    expect_error("file://@/desk/data/.", "@/desk", PS_E_INVALID, "names a folder");
    expect_error("file://host@/desk/x", "@/desk", PS_E_INVALID, "begins with file:///");
    expect_error("file://desk/x", "@/desk", PS_E_INVALID, "begins with file:///");
    expect_error("file://@/desk/none/x", "@/desk", PS_E_NOT_FOUND, "No such file");
    expect_error("file://@/secret/shadow/x", "@/desk", PS_E_REFUSED, "not allowed");
    expect_error("redis://:secret@h/0/k", "@/desk", PS_E_INVALID, "password");
}

Test(trust, hostile_links)
{
    cr_assert_eq(symlink("../secret", "desk/out"), 0);
    cr_assert_eq(symlink("data", "desk/in"), 0);
    cr_assert_eq(symlink("loop", "desk/loop"), 0);
    cr_assert_eq(symlink("desk", "alias"), 0);
    expect_refused("file://@/desk/out/shadow");
    expect_refused("file://@/desk/./out//shadow");
    expect_error("file://@/desk/loop/x", "@/desk", PS_E_SYSTEM, "symbolic links");
    /* links that stay inside are resolved, so the backend meets none */
    expect_allowed("file://@/desk/in/x", "@/desk", "file://@/desk/data/x");
    expect_allowed("file://@/alias/data/x", "@/desk", "file://@/desk/data/x");
    expect_allowed("file://@/desk/data/x", "@/alias", "file://@/desk/data/x");
}

/*
 * A last component that is a link is left to the backend, which refuses it
 * when it opens the result: there it cannot be swapped any more. That the
 * open which is asked of it does refuse is shown here. A hard link is the file
 * itself; making one of another user's file is what the kernel's
 * protected_hardlinks is there to forbid.
 */
Test(trust, last_component_is_a_link)
{
    char path[200];

    cr_assert_eq(symlink("../secret/shadow", "desk/shadow"), 0);
    expect_allowed("file://@/desk/shadow", "@/desk", "file://@/desk/shadow");
    cr_expect_eq(open(expand(path, "@/desk/shadow"), O_RDONLY | O_NOFOLLOW), -1);
    cr_assert_eq(link("secret/shadow", "desk/hard"), 0);
    expect_allowed("file://@/desk/hard", "@/desk", "file://@/desk/hard");
}

Test(trust, proxy_in_the_root_folder)
{
    expect_error("file://@/secret/shadow", "/", PS_E_REFUSED, "not allowed");
    expect_error("file://@/secret/shadow", "//", PS_E_REFUSED, "not allowed");
    expect_error("file:///x", "/", PS_E_REFUSED, "set PS_ALLOW=file:///x or");
    expect_error("file://@/secret/shadow", "@/gone", PS_E_REFUSED, "not allowed");
}

/* Anybody writes into /tmp, and keeps folders there that the reader may enter and others not. */
Test(trust, proxy_in_a_folder_that_all_may_write)
{
    cr_assert_eq(chmod("desk", 01777), 0);
    expect_refused("file://@/desk/data/x");
    expect_refused("file://@/desk/x");
    expect_allowed("file://@/desk/data/x", "@/desk/data", "file://@/desk/data/x");
    cr_assert_eq(chmod("desk", 0775), 0);
    expect_allowed("file://@/desk/data/x", "@/desk", "file://@/desk/data/x");
}

Test(trust, stores_and_prefixes)
{
    configure("store.s = file://@/store?direct=0\nallow = @/allowed/\n"
              "allow = file://@/secret/shadow\nallow = file://@/none\n");
    expect_allowed("file://@/store/k?direct=1", "@/desk", "file://@/store/k?direct=1");
    expect_allowed("file://@/allowed/k", "@/desk", "file://@/allowed/k");
    expect_allowed("file://@/secret/shadow", "@/desk", "file://@/secret/shadow");
    expect_allowed("file://@/.local/share/libps/objects/k", "@/desk",
                   "file://@/.local/share/libps/objects/k");
    expect_refused("file://@/allowed-not/k");
    expect_refused("file://@/secret/shadow-");
}

Test(trust, allowed_folder_itself_covers_its_name)
{
    /* the prefix may name one object, so the same name is covered */
    configure("allow = @/allowed\n");
    expect_allowed("file://@/allowed", "@/desk", "file://@/allowed");
}

/* What was put while a store was the default one is not lost to its user later. */
Test(trust, earlier_default_stores)
{
    configure("default = memory://m\n");
    expect_allowed("memory://m/k", "@/desk", "memory://m/k");
    expect_allowed("file://@/.local/share/libps/objects/k", "@/desk",
                   "file://@/.local/share/libps/objects/k");
    setenv("PS_STORE", "memory://n", 1);
    ps_config_reset();
    expect_allowed("memory://n/k", "@/desk", "memory://n/k");
    expect_allowed("memory://m/k", "@/desk", "memory://m/k");
    expect_refused("memory://other/k");
}

Test(trust, variable_with_a_wrapper)
{
    char value[300];

    setenv("PS_ALLOW", expand(value, "/nowhere delay+file://@/secret?ms=1 file:///"), 1);
    expect_allowed("fail+file://@/secret/shadow", "@/desk", "fail+file://@/secret/shadow");
    expect_allowed("file:///etc/shadow", "@/desk", "file:///etc/shadow");
}

Test(trust, other_schemes)
{
    configure("store.s = redis://me:secret@h:6379/0\nallow = https://host/data\n"
              "allow = memory://\nallow = http://:pw@x\n");
    expect_allowed("redis://h:6379/0/k", "@/desk", "redis://h:6379/0/k");
    expect_allowed("redis://me@h:6379/0/k", "@/desk", "redis://me@h:6379/0/k");
    expect_allowed("delay+redis://h:6379/0/k?ms=1", "@/desk", "delay+redis://h:6379/0/k?ms=1");
    expect_allowed("https://host/data?x", "@/desk", "https://host/data?x");
    expect_allowed("https://host/data/", "@/desk", "https://host/data/");
    expect_allowed("memory:///k", "@/desk", "memory:///k");
    expect_allowed("http://x/y", "@/desk", "http://x/y");
    expect_refused("redis://you@h:6379/0/k");
    expect_refused("redis://m@h:6379/0/k");
    expect_refused("redis://me@h:637/0/k");
    expect_refused("redis://h:63790/0/k");
    expect_refused("redis://h:6379/00/k");
    expect_refused("redis://h:6379/1/k");
    expect_refused("rediss://h:6379/0/k");
    expect_refused("https://host/database");
    expect_refused("https://host.evil/data/k");
    expect_refused("https://host@evil/data/k");
    expect_refused("https://evil/?https://host/data/k");
    expect_refused("https://evil?x/data/k");
    expect_refused("https://host/DATA/k");
    expect_refused("http://host/data/k");
    expect_refused("https+http://host/data/k");
    expect_error("https://host/data/%2e%2e/k", "@/desk", PS_E_INVALID, "\"..\"");
    expect_error("https://host/data/..%2Fk", "@/desk", PS_E_INVALID, "\"..\"");
    expect_refused("memory2:///k");
}

static void expect_login(const char *url, const char *wanted)
{
    char out[PS_URI_MAX];
    struct ps_error err = {0};

    cr_assert_eq(ps_trust_login(out, sizeof(out), ps_config_get(NULL), url, &err), 0);
    cr_assert_str_eq(out, wanted);
}

Test(trust, a_password_comes_from_the_configuration)
{
    struct ps_error err = {0};
    char out[16];

    configure("store.f = /somewhere\nstore.o = redis://o@h:6379/0\n"
              "store.s = redis://me:se%2Fcret@h:6379/0\nstore.w = delay+redis://:pw@w/2?part=1M\n");
    expect_login("redis://h:6379/0", "redis://me:se%2Fcret@h:6379/0");
    expect_login("redis://me@h:6379/0?ttl=1s", "redis://me:se%2Fcret@h:6379/0?ttl=1s");
    expect_login("fail+delay+redis://h:6379/0", "fail+delay+redis://me:se%2Fcret@h:6379/0");
    expect_login("redis://w/2", "redis://:pw@w/2");
    expect_login("redis://a:b@w/2", "redis://a:b@w/2");
    expect_login("redis://you@h:6379/0", "redis://you@h:6379/0");
    expect_login("redis://h:6379/1", "redis://h:6379/1");
    expect_login("rediss://h:6379/0", "rediss://h:6379/0");
    expect_login("redis://evil/?@h:6379/0", "redis://evil/?@h:6379/0");
    expect_login("file:///somewhere", "file:///somewhere");
    expect_login("nonsense", "nonsense");
    cr_assert_eq(ps_trust_login(out, sizeof(out), NULL, "redis://abcdefgh", &err), PS_E_INVALID);
}

/* The proxy's folder speaks for files only: "file:" and other schemes are never mixed up. */
Test(trust, schemes_are_not_mixed)
{
    configure("allow = memory://@/secret\nallow = file://@/store\n");
    expect_refused("http://@/desk/x");
    expect_refused("file://@/secret/shadow");
    expect_refused("memory://@/store/k");
}

Test(trust, refusal_says_what_to_set)
{
    char object[PS_URI_MAX] = "redis://host/", got[PS_URI_MAX];
    struct ps_error err = {0};

    expect_error("file:///etc/shadow", "@/desk", PS_E_REFUSED,
                 "its object is not allowed here: set PS_ALLOW=file:///etc/shadow or run");
    expect_error("delay+https://h/k?x=1", "@/desk", PS_E_REFUSED, "PS_ALLOW=https://h/k or run");
    expect_error("https://h", "@/desk", PS_E_REFUSED,
                 "set PS_ALLOW=https://h or run psctl proxy with that URL");
    expect_error("https://h?a/b", "@/desk", PS_E_REFUSED, "set PS_ALLOW=https://h or run psctl");
    memset(object + 13, 'k', 1500);
    cr_expect_eq(check(object, "@/desk", got, &err), PS_E_REFUSED);
    cr_expect(strstr(err.message, "is not allowed here: set PS_ALLOW to its URL, or its folder's, "
                                  "or run psctl proxy with its URL") != NULL,
              "%s", err.message);
}

Test(trust, what_it_says_to_set_is_enough)
{
    static const char *const objects[] = {"file:///etc/shadow", "file:///x", "https://h/k?x=1",
                                          "delay+https://h/a%20b/k", "redis://u@h:1"};

    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        struct ps_error err = {0};
        char got[PS_URI_MAX], value[PS_URI_MAX];

        unsetenv("PS_ALLOW");
        ps_config_reset();
        cr_assert_eq(check(objects[i], "@/desk", got, &err), PS_E_REFUSED, "%s", objects[i]);
        cr_assert_eq(sscanf(strstr(err.message, "PS_ALLOW="), "PS_ALLOW=%2000s", value), 1);
        setenv("PS_ALLOW", value, 1);
        ps_config_reset();
        expect_allowed(objects[i], "@/desk", objects[i]);
    }
}

Test(trust, too_long)
{
    const struct ps_config *config = ps_config_get(NULL);
    struct ps_proxy proxy = {.object = "redis://h/0/k"};
    char object[PS_URI_MAX];

    for (size_t size = 0; size <= 13; size++)
        cr_expect_eq(ps_trust_check(config, &proxy, NULL, object, size, NULL), PS_E_INVALID);
    cr_expect_eq(ps_trust_check(config, &proxy, NULL, object, 14, NULL), 0);
    strcpy(proxy.object, "delay+file:///etc/x?a=1");
    for (size_t size = 0; size <= 23; size++)
        cr_expect_eq(ps_trust_check(config, &proxy, NULL, object, size, NULL), PS_E_INVALID);
    cr_expect_eq(ps_trust_check(config, &proxy, NULL, object, 24, NULL), 0);
}

Test(trust, what_the_user_records_is_allowed)
{
    char prefix[200];

    expect_refused("file://@/allowed/k");
    cr_expect_eq(ps_trust_allow(expand(prefix, "file://@/allowed/"), NULL, 0, NULL), 1);
    expect_allowed("file://@/allowed/k", "@/desk", "file://@/allowed/k");
    expect_refused("file://@/allowed-not/k");
}

Test(trust, prefixes_may_be_links)
{
    cr_assert_eq(symlink("allowed", "alias"), 0);
    cr_assert_eq(symlink("store", "store-alias"), 0);
    configure("allow = @/alias\nstore.s = @/store-alias\n");
    expect_allowed("file://@/allowed/k", "@/desk", "file://@/allowed/k");
    expect_allowed("file://@/alias/k", "@/desk", "file://@/allowed/k");
    expect_allowed("file://@/store/k", "@/desk", "file://@/store/k");
    expect_refused("file://@/allowed-not/k");
}

Test(trust, one_of_many_allowed_objects)
{
    static char text[1 << 20];
    size_t used = 0;
    char got[PS_URI_MAX], path[100];
    struct ps_error err = {0};
    FILE *out;

    for (int i = 0; i < 10000; i++)
        used += (size_t)sprintf(text + used, "allow = %s/store/o%d\n", folder, i);
    sprintf(path, "%s/config", folder);
    out = fopen(path, "w");
    cr_assert(out != NULL && fputs(text, out) >= 0);
    fclose(out);
    chmod(path, 0600);
    setenv("PS_CONFIG", path, 1);
    cr_assert(ps_config_get(&err) != NULL, "%s", err.message);
    cr_assert_eq(check("file://@/store/o9999", "@/desk", got, &err), 0, "%s", err.message);
    cr_assert_eq(check("file://@/desk/x", "@/desk", got, &err), 0, "%s", err.message);
    cr_assert_lt(check("file://@/store/o10000", "@/desk", got, &err), 0);
}

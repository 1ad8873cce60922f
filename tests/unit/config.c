/* config.c: the configuration file, the PS_* variables, and what ps_trust_allow records */
#include <criterion/criterion.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ps/ps.h>

#include "config.h"
#include "room.h"

static char folder[64];
static char file[80]; /* the configuration */

static void make_folder(void)
{
    strcpy(folder, "/tmp/ps-config-XXXXXX");
    cr_assert(mkdtemp(folder) != NULL);
    cr_assert_eq(chdir(folder), 0);
    sprintf(file, "%s/config", folder);
    for (const struct ps_variable *v = ps_variables; v->name; v++)
        unsetenv(v->name);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("XDG_DATA_HOME");
    setenv("HOME", folder, 1);
}

static void remove_folder(void)
{
    char command[100];

    sprintf(command, "rm -rf %s", folder);
    cr_expect_eq(system(command), 0);
}

TestSuite(config, .init = make_folder, .fini = remove_folder);

static void write_config(const char *text)
{
    FILE *out = fopen(file, "w");

    cr_assert(out != NULL);
    fputs(text, out);
    fclose(out);
    cr_assert_eq(chmod(file, 0600), 0);
    setenv("PS_CONFIG", file, 1);
    ps_config_reset();
}

static const struct ps_config *must_get(void)
{
    struct ps_error err = {0};
    const struct ps_config *config = ps_config_get(&err);

    cr_assert(config != NULL, "%s", err.message);
    return config;
}

/* Twice, as the error is to be given again. */
static void expect_failure(int code, const char *says)
{
    for (int i = 0; i < 2; i++) {
        struct ps_error err = {0};

        cr_expect(ps_config_get(&err) == NULL, "\"%s\" is no failure", says);
        cr_expect_eq(err.code, code, "%d, not %d: %s", err.code, code, err.message);
        cr_expect(strstr(err.message, says) != NULL, "\"%s\", not \"%s\"", err.message, says);
    }
    cr_expect(ps_config_get(NULL) == NULL);
}

static void expect_store(const char *wanted, const char *url, const char *name)
{
    char got_url[PS_URI_MAX], got_name[PS_STORE_NAME_MAX];
    struct ps_error err = {0};

    cr_assert_eq(ps_config_store_url(must_get(), wanted, got_url, sizeof(got_url), got_name,
                                     sizeof(got_name), &err),
                 0, "%s", err.message);
    cr_expect_str_eq(got_url, url);
    cr_expect_str_eq(got_name, name);
}

Test(config, nothing_configured)
{
    const struct ps_config *config;
    char url[PS_URI_MAX];

    setenv("HOME", "/home/a b%", 1);
    config = must_get();
    cr_expect_str_eq(config->file, "/home/a b%/.config/libps/config");
    cr_expect_eq(config->file_exists, false);
    cr_expect_eq(config->engine, PS_ENGINE_AUTO);
    cr_expect_eq(config->disable, false);
    cr_expect(config->memory == ps_room() / 2 && ps_room() > UINT64_C(32) << 20);
    expect_store(NULL, "file:///home/a%20b%25/.local/share/libps/objects", "");
    expect_store("memory://x", "memory://x", "");
    expect_store("/data/x y", "file:///data/x%20y", "");
    cr_expect(ps_config_get(NULL) == config, "it is read once");
    sprintf(url, "%s", config->file);
    setenv("XDG_CONFIG_HOME", "/x", 1);
    setenv("XDG_DATA_HOME", "/y", 1);
    ps_config_reset();
    cr_expect_str_eq(must_get()->file, "/x/libps/config");
    expect_store(NULL, "file:///y/libps/objects", "");
    cr_expect_str_eq(config->file, url, "what was handed out stays valid");
}

Test(config, no_home)
{
    struct ps_error err = {0};
    char url[PS_URI_MAX], name[PS_STORE_NAME_MAX];

    unsetenv("HOME");
    cr_expect(must_get()->file == NULL);
    cr_expect_eq(ps_config_store_url(must_get(), NULL, url, sizeof(url), name, sizeof(name), &err),
                 PS_E_NOT_FOUND);
    cr_expect(strstr(err.message, "PS_STORE") != NULL, "%s", err.message);
    cr_expect_eq(ps_trust_allow("memory://x", NULL, 0, &err), PS_E_NOT_FOUND);
    setenv("PS_HOME", "/h", 1);
    ps_config_reset();
    cr_expect_str_eq(must_get()->file, "/h/.config/libps/config");
    expect_store(NULL, "file:///h/.local/share/libps/objects", "");
    setenv("HOME", "/i", 1);
    ps_config_reset();
    cr_expect_str_eq(must_get()->file, "/i/.config/libps/config");
}

Test(config, good_file)
{
    struct ps_error err = {0};
    char url[PS_URI_MAX], name[PS_STORE_NAME_MAX];
    const struct ps_config *config;

    write_config("# stores\n\n  default = main  \n\tstore.main=file:///scratch/main\r\n"
                 "store.Re_d-1 = redis://user:secret@host:6379/0?x=a=b\n"
                 "allow = https://host/data/\nallow = /scratch/a b\n# no newline follows\n"
                 "allow = memory://m");
    config = must_get();
    cr_expect_eq(config->file_exists, true);
    cr_expect_eq(config->store_count, 3); /* and the one below HOME */
    cr_expect_eq(config->allow_count, 3);
    cr_expect_eq(config->allow_recorded, 3);
    cr_expect_str_eq(config->allow[0], "https://host/data/");
    cr_expect_str_eq(config->allow[1], "file:///scratch/a%20b");
    cr_expect_str_eq(config->allow[2], "memory://m");
    expect_store(NULL, "file:///scratch/main", "main");
    expect_store("Re_d-1", "redis://user:secret@host:6379/0?x=a=b", "Re_d-1");
    cr_expect_eq(ps_config_store_url(config, "none", url, sizeof(url), name, sizeof(name), &err),
                 PS_E_NOT_FOUND);
    cr_expect(strstr(err.message, "no store is called 'none'") != NULL, "%s", err.message);
    cr_expect(strstr(err.message, file) != NULL, "%s", err.message);
    cr_expect_eq(ps_config_store_url(config, NULL, url, 5, name, sizeof(name), NULL), PS_E_INVALID);
}

Test(config, bad_file)
{
    static const struct {
        const char *text;
        const char *says;
        int code;
    } table[] = {
        {"colour = red\n", "/config:1: unknown key \"colour\"", PS_E_INVALID},
        {"# a\n\nstores.x = memory://\n", "/config:3: unknown key \"stores.x\"", PS_E_INVALID},
        {"allow\n", "/config:1: \"allow\" is not \"key = value\"", PS_E_INVALID},
        {"= x\n", "/config:1: unknown key \"\"", PS_E_INVALID},
        {"\nallow =\n", "/config:2: allow has no value", PS_E_INVALID},
        {"allow = data\n", "/config:1: \"data\" is no \"scheme://...\" URL", PS_E_INVALID},
        {"store. = memory://\n", "/config:1: store name \"\"", PS_E_INVALID},
        {"store.a/b = memory://\n", "/config:1: store name \"a/b\"", PS_E_INVALID},
        {"store.a = memory\n", "/config:1: \"memory\" is no", PS_E_INVALID},
        {"store.a = memory://\nstore.a = memory://\n", "/config:2: store.a is given twice",
         PS_E_INVALID},
        {"default = memory://\ndefault = memory://\n", "/config:2: default is given twice",
         PS_E_INVALID},
        {"\ndefault = x\nstore.y = memory://\n", "/config:2: no store is called \"x\"",
         PS_E_NOT_FOUND},
        {"allow = /a\x01\n", "/config:1: a control character", PS_E_INVALID},
        {"store.a = /tmp/aa # my store\n", "/config:1: a comment needs a line", PS_E_INVALID},
        {"allow = /a\t# of mine\n", "/config:1: a comment needs a line", PS_E_INVALID},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        write_config(table[i].text);
        expect_failure(table[i].code, table[i].says);
    }
    write_config("allow = /a#b\n"); /* and it is well again */
    must_get();
}

Test(config, long_lines)
{
    static char text[(2 << 20) + 1];

    memset(text, 'a', 5000);
    memcpy(text, "allow = file:///", 16);
    write_config(text);
    expect_failure(PS_E_INVALID, "/config:1: URL is too long");
    memset(text, '\n', sizeof(text) - 1);
    write_config(text);
    expect_failure(PS_E_INVALID, "longer than 1 MiB");
    text[1 << 20] = '\0';
    write_config(text);
    must_get();
}

Test(config, whose_file)
{
    write_config("allow = /a\n");
    cr_assert_eq(chmod(file, 0622), 0);
    expect_failure(PS_E_INVALID, "others can write it");
    cr_assert_eq(chmod(file, 0620), 0);
    ps_config_reset();
    expect_failure(PS_E_INVALID, "chmod go-w");
    cr_assert_eq(chmod(file, 0644), 0);
    ps_config_reset();
    must_get();
    if (geteuid() == 0) {
        cr_assert_eq(chown(file, 12345, 12345), 0);
        ps_config_reset();
        expect_failure(PS_E_INVALID, "belongs to user 12345");
    }
    setenv("PS_CONFIG", folder, 1);
    ps_config_reset();
    expect_failure(PS_E_INVALID, "not a regular file");
    setenv("PS_CONFIG", "/dev/null", 1);
    ps_config_reset();
    cr_expect_eq(must_get()->file_exists, false);
}

Test(config, missing_file)
{
    setenv("PS_CONFIG", "/nowhere/config", 1);
    expect_failure(PS_E_NOT_FOUND, "PS_CONFIG names a file that is not there: /nowhere/config");
    setenv("PS_CONFIG", "", 1); /* empty is unset */
    ps_config_reset();
    must_get();
}

Test(config, variables)
{
    const struct ps_config *config;

    write_config("store.main = memory://m\nstore.other = memory://o\ndefault = main\nallow = /a\n");
    setenv("PS_STORE", "other", 1);
    setenv("PS_ALLOW", " /b/c  https://host/%20 ", 1);
    setenv("PS_ENGINE", "uffd-user", 1);
    setenv("PS_STATS", "stderr", 1);
    setenv("PS_DISABLE", "1", 1);
    setenv("PS_FORMAT", "pid,args", 1); /* procps's */
    config = must_get();
    expect_store(NULL, "memory://o", "other");
    cr_expect_eq(config->allow_count, 3);
    cr_expect_eq(config->allow_recorded, 1);
    cr_expect_str_eq(config->allow[1], "file:///b/c");
    cr_expect_str_eq(config->allow[2], "https://host/%20");
    cr_expect_eq(config->engine, PS_ENGINE_UFFD_USER);
    cr_expect_str_eq(config->stats, "stderr");
    cr_expect_eq(config->disable, true);
    setenv("PS_STORE", "memory://z", 1);
    setenv("PS_ENGINE", "segv", 1);
    setenv("PS_DISABLE", "0", 1);
    setenv("PS_MEMORY", "0", 1);
    ps_config_reset();
    expect_store(NULL, "memory://z", "");
    cr_expect_eq(must_get()->engine, PS_ENGINE_SEGV);
    cr_expect_eq(must_get()->disable, false);
    cr_expect_eq(must_get()->memory, 0);
    setenv("PS_MEMORY", "16M", 1);
    ps_config_reset();
    cr_expect_eq(must_get()->memory, 16 << 20);
    cr_expect_eq(must_get()->read_ahead, 64 << 20);
    setenv("PS_READ_AHEAD", "0", 1);
    ps_config_reset();
    cr_expect_eq(must_get()->read_ahead, 0);
}

Test(config, bad_variables)
{
    static const struct {
        const char *name, *value, *says;
        int code;
    } table[] = {
        {"PS_ENGINE", "fast", "PS_ENGINE: \"fast\" is none of auto", PS_E_INVALID},
        {"PS_DISABLE", "yes", "PS_DISABLE: \"yes\" is neither 0 nor 1", PS_E_INVALID},
        {"PS_STORE", "none", "PS_STORE: no store is called \"none\"", PS_E_NOT_FOUND},
        {"PS_STORE", "no/url", "PS_STORE: \"no/url\" is no", PS_E_INVALID},
        {"PS_MEMORY", "15M", "PS_MEMORY: 15M is less than 16M", PS_E_INVALID},
        {"PS_MEMORY", "much", "PS_MEMORY", PS_E_INVALID},
        {"PS_READ_AHEAD", "much", "PS_READ_AHEAD", PS_E_INVALID},
        {"PS_ALLOW", "/a data", "PS_ALLOW: \"data\" is no", PS_E_INVALID},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        setenv(table[i].name, table[i].value, 1);
        ps_config_reset();
        expect_failure(table[i].code, table[i].says);
        unsetenv(table[i].name);
    }
}

/* --- ps_trust_allow ----------------------------------------------------------- */

static void expect_allow(const char *prefix, int result)
{
    char where[200];
    struct ps_error err = {0};

    cr_expect_eq(ps_trust_allow(prefix, where, sizeof(where), &err), result, "%s: %s", prefix,
                 err.message);
    if (result >= 0)
        cr_expect_str_eq(where, must_get()->file);
}

static void expect_text(const char *path, const char *text)
{
    char got[1000] = "";
    FILE *in = fopen(path, "r");

    cr_assert(in != NULL, "%s", path);
    got[fread(got, 1, sizeof(got) - 1, in)] = '\0';
    fclose(in);
    cr_expect_str_eq(got, text);
}

static int mode_of(const char *path)
{
    struct stat st;

    cr_assert_eq(stat(path, &st), 0, "%s", path);
    return st.st_mode & 0777;
}

Test(config, allow_makes_the_file)
{
    umask(022);
    expect_allow("memory://m/a", 1);
    expect_allow("memory://m/a", 0);
    expect_allow("memory://m/a/b", 0);
    expect_allow("memory://m/ab", 1);
    expect_allow("delay+memory://m/a/?ms=1", 0);
    expect_text(".config/libps/config", "allow = memory://m/a\nallow = memory://m/ab\n");
    cr_expect_eq(mode_of(".config"), 0700);
    cr_expect_eq(mode_of(".config/libps"), 0700);
    cr_expect_eq(mode_of(".config/libps/config"), 0600);
    cr_expect_eq(must_get()->allow_recorded, 2);
}

Test(config, allow_adds_a_line)
{
    write_config("store.main = memory://s\nallow = memory://m"); /* no newline at the end */
    setenv("PS_ALLOW", "memory://n", 1);
    expect_allow("memory://s/x", 0);
    expect_allow("memory://n", 1); /* it is not recorded, only set */
    setenv("PS_STORE", "memory://o", 1);
    ps_config_reset();
    expect_allow("memory://o", 1); /* so is that */
    expect_text(file, "store.main = memory://s\nallow = memory://m\nallow = memory://n\n"
                      "allow = memory://o\n");
}

Test(config, allow_of_folders)
{
    char text[300], prefix[200];

    write_config("");
    cr_assert_eq(mkdir("real", 0700), 0);
    cr_assert_eq(symlink("real", "link"), 0);
    cr_assert_eq(mkdir("real/a b", 0700), 0);
    sprintf(prefix, "file://%s/link/a%%20b/", folder);
    expect_allow(prefix, 1);
    sprintf(prefix, "%s/real/a b", folder);
    expect_allow(prefix, 0);
    sprintf(text, "allow = file://%s/real/a%%20b\n", folder);
    expect_text(file, text);
    sprintf(prefix, "%s/none", folder);
    expect_allow(prefix, PS_E_NOT_FOUND);
}

Test(config, allow_refuses)
{
    write_config("");
    expect_allow("data", PS_E_INVALID);
    expect_allow("", PS_E_INVALID);
    expect_allow("memory://m\nstore.x = memory://y", PS_E_INVALID);
    expect_allow("redis://u:secret@host/0", PS_E_INVALID);
    expect_allow("memory://m/../x", PS_E_INVALID);
    expect_text(file, "");
    setenv("PS_CONFIG", "/dev/null", 1);
    ps_config_reset();
    expect_allow("memory://m", PS_E_INVALID);
}

/* Many at once: every prefix is there once, and every line is whole. */
Test(config, allow_in_many_processes, .timeout = 60)
{
    enum { PROCESSES = 8, PREFIXES = 20 };

    write_config("");
    for (int i = 0; i < PROCESSES; i++)
        if (fork() == 0) {
            int failed = 0;

            for (int k = 0; k < PREFIXES; k++) {
                char prefix[40];

                sprintf(prefix, "memory://m/%d", (k * 7 + i) % PREFIXES);
                failed |= ps_trust_allow(prefix, NULL, 0, NULL) < 0;
            }
            _exit(failed);
        }
    for (int i = 0; i < PROCESSES; i++) {
        int status = 1;

        wait(&status);
        cr_expect_eq(status, 0);
    }
    ps_config_reset();
    cr_expect_eq(must_get()->allow_recorded, PREFIXES);
}

static void *get_and_reset(void *nothing)
{
    for (int i = 0; i < 200; i++) {
        const struct ps_config *config = ps_config_get(NULL);

        if (config == NULL || config->allow_count != 1)
            return folder; /* not NULL: a failure */
        if (i % 50 == 0)
            ps_config_reset();
    }
    return nothing;
}

Test(config, many_threads)
{
    pthread_t threads[8];

    write_config("allow = memory://m\n");
    for (int i = 0; i < 8; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, get_and_reset, NULL), 0);
    for (int i = 0; i < 8; i++) {
        void *failed;

        cr_assert_eq(pthread_join(threads[i], &failed), 0);
        cr_expect(failed == NULL);
    }
}

/* Which folder is a store is the user's own word, so links on the way to it are followed. */
Test(config, folders_of_stores_have_no_links)
{
    char text[200], wanted[200], url[200];

    cr_assert_eq(mkdir("real", 0700), 0);
    cr_assert_eq(symlink("real", "link"), 0);
    cr_assert_eq(symlink("nowhere", "dangling"), 0);
    sprintf(text, "store.s = delay+file://%s/link/a%%20b/c?x=1\ndefault = %s/link\n", folder,
            folder);
    write_config(text);
    sprintf(wanted, "delay+file://%s/real/a%%20b/c?x=1", folder);
    expect_store("s", wanted, "s");
    sprintf(wanted, "file://%s/real", folder);
    expect_store(NULL, wanted, "");
    sprintf(url, "file://%s/link/", folder);
    expect_store(url, wanted, "");
    sprintf(wanted, "file://%s/dangling/x", folder);
    expect_store(wanted, wanted, ""); /* the backend refuses it */
    setenv("HOME", "/no/such/home", 1);
    setenv("PS_CONFIG", "/dev/null", 1);
    ps_config_reset();
    expect_store(NULL, "file:///no/such/home/.local/share/libps/objects", "");
}

Test(config, allow_of_everything_is_refused)
{
    write_config("");
    expect_allow("file:///", PS_E_INVALID);
    expect_allow("/", PS_E_INVALID);
    expect_text(file, "");
}

/* A file that grew too long to be read would take every proxy from its user. */
Test(config, allow_keeps_the_file_readable)
{
    static char text[1 << 20];

    memset(text, '\n', sizeof(text) - strlen("allow = memory://m\n"));
    write_config(text);
    expect_allow("memory://mm", PS_E_INVALID);
    expect_allow("memory://m", 1);
}

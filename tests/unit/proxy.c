/* proxy.c: both spellings of a proxy, good ones and bad ones */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ps/proxy.h>

#include "proxy_file.h"

#define LAST    "9223372036854775807" /* the largest size */
#define TEN     "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

/* A proxy file with body between the magic line and the padding. */
static void make_file(char *text, const char *body, size_t size)
{
    memset(text, '\n', PS_PROXY_FILE_SIZE);
    memcpy(text, PS_PROXY_MAGIC, PS_PROXY_MAGIC_SIZE);
    memcpy(text + PS_PROXY_MAGIC_SIZE, body, size);
}

struct bad {
    const char *text;
    int code;
    const char *says;
};

static void expect_error(int status, const struct ps_error *err, const struct bad *bad)
{
    cr_expect_eq(status, bad->code, "%s: %d (%s)", bad->text, status, err->message);
    cr_expect_eq(err->code, bad->code);
    cr_expect(strstr(err->message, bad->says) != NULL, "%s: says \"%s\", not \"%s\"", bad->text,
              err->message, bad->says);
}

Test(proxy, bad_uri)
{
    static const struct bad table[] = {
        {"", PS_E_INVALID, "object has no value"},
        {"#size=1", PS_E_INVALID, "object has no value"},
        {"mesh.psx", PS_E_INVALID, "no \"scheme://...\" URI"},
        {"/a/b", PS_E_INVALID, "no \"scheme://...\" URI"},
        {"://a", PS_E_INVALID, "scheme://"},
        {"File:///a", PS_E_INVALID, "scheme://"},
        {"1file:///a", PS_E_INVALID, "scheme://"},
        {"fi_le:///a", PS_E_INVALID, "scheme://"},
        {"\xC3\xA4:///a", PS_E_INVALID, "scheme://"},
        {"file:/a", PS_E_INVALID, "scheme://"},
        {"file://", 0, ""},
        {"file:///a/../b", PS_E_INVALID, "\"..\""},
        {"file:///..", PS_E_INVALID, "\"..\""},
        {"file:///a/%2e%2E/b", PS_E_INVALID, "\"..\""},
        {"file:///a/.%2e?x=1", PS_E_INVALID, "\"..\""},
        {"file:///a%2F..%2fb", PS_E_INVALID, "\"..\""},
        {"delay+file:///a/../b", PS_E_INVALID, "\"..\""},
        {"file:///a/..b/...", 0, ""},
        {"file:///a%zz", PS_E_INVALID, "escape"},
        {"file:///a%2", PS_E_INVALID, "escape"},
        {"file:///a%00b", PS_E_INVALID, "NUL"},
        {"file:///a\nb", PS_E_INVALID, "control character"},
        {"file:///a\x7f", PS_E_INVALID, "control character"},
        {"redis://user:secret@host/0/k", PS_E_INVALID, "password"},
        {"redis://:secret@host/0/k", PS_E_INVALID, "password"},
        {"redis://user%3asecret@host/0/k", PS_E_INVALID, "password"},
        {"redis://u:p@x@host/0/k", PS_E_INVALID, "password"},
        {"redis://user:secret@host?x=1", PS_E_INVALID, "password"},
        {"redis://user@host:6379/0/k", 0, ""},
        {"redis://host:6379/0/a@b", 0, ""},
        {"redis://[::1]:6379/0/k", 0, ""},
        {"https://good\\@bad/k", PS_E_INVALID, "host name"},
        {"file:///a#size", PS_E_INVALID, "\"size\" has no value"},
        {"file:///a#size=", PS_E_INVALID, "size has no value"},
        {"file:///a#size=-1", PS_E_INVALID, "\"-1\" is negative"},
        {"file:///a#size=abc", PS_E_INVALID, "not a number"},
        {"file:///a#size=12x", PS_E_INVALID, "\"12x\" is not a number"},
        {"file:///a#size=+1", PS_E_INVALID, "not a number"},
        {"file:///a#size=%201", PS_E_INVALID, "not a number"},
        {"file:///a#size=0x10", PS_E_INVALID, "not a number"},
        {"file:///a#size=9223372036854775808", PS_E_INVALID,
         "size: \"9223372036854775808\" is too"},
        {"file:///a#size=18446744073709551617", PS_E_INVALID, "too large"},
        {"file:///a#size=" LAST, 0, ""},
        {"file:///a#size=" LAST "&offset=1", PS_E_INVALID, "offset and size together"},
        {"file:///a#size=1&offset=" LAST, PS_E_INVALID, "offset and size together"},
        {"file:///a#offset=-0", PS_E_INVALID, "offset: \"-0\" is negative"},
        {"file:///a#offset=1 ", PS_E_INVALID, "offset"},
        {"file:///a#size=1&size=1", PS_E_INVALID, "size is given twice"},
        {"file:///a#object=file:///b", PS_E_INVALID, "object is given twice"},
        {"file:///a#new=1&new=1", PS_E_INVALID, "new is given twice"},
        {"file:///a#new=1&ne=1&new-er=1", 0, ""},
        {"file:///a#version=%00", PS_E_INVALID, "version: NUL"},
        {"file:///a#version=a%0asize:%205", PS_E_INVALID, "version: a control character"},
        {"file:///a#version=%", PS_E_INVALID, "escape"},
        {"file:///a#Size=1", PS_E_INVALID, "\"Size\" is not a key"},
        {"file:///a#=1", PS_E_INVALID, "\"\" is not a key"},
        {"file:///a#-a=1", PS_E_INVALID, "\"-a\" is not a key"},
        {"file:///a#b#size=1", PS_E_INVALID, "\"b#size\" is not a key"},
        {"file:///a#version=" HUNDRED TEN TEN TEN, PS_E_INVALID, "version: 130 bytes are too long"},
        {"file:///a#store=" HUNDRED, PS_E_INVALID, "store: 100 bytes"},
        {"file:///a#digest=" HUNDRED HUNDRED, PS_E_INVALID, "digest: 200 bytes"},
        {"file:///a#" HUNDRED "=1", PS_E_INVALID, "is not a key"},
        {"file:///a#&size=0&", 0, ""},
        {"%PSX", PS_E_INVALID, "this one has 4"},
        {"%PSX 1", PS_E_INVALID, "this one has 6"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct ps_error err = {0};
        struct ps_proxy proxy;
        int status = ps_proxy_parse(&proxy, table[i].text, strlen(table[i].text), &err);

        expect_error(status, &err, &table[i]);
        if (status != 0)
            cr_expect_eq(proxy.object[0], '\0');
        cr_expect_eq(ps_proxy_parse(&proxy, table[i].text, strlen(table[i].text), NULL), status);
    }
}

Test(proxy, bad_file)
{
    static const struct bad table[] = {
        {"", PS_E_INVALID, "object is missing"},
        {"size: 1\n", PS_E_INVALID, "object is missing"},
        {"object: file:///a\n", PS_E_INVALID, "size is missing"},
        {"object: file:///a\nsize: 0\n", 0, ""},
        {"\n\nobject: file:///a\n\nsize: 7\n", 0, ""},
        {"object: file:///a\nsize: x\n", PS_E_INVALID, "line 3: size: \"x\""},
        {"object: file:///a\nsize: 1\nsize: 1\n", PS_E_INVALID, "line 4: size is given twice"},
        {"object: file:///a\nsize:1\n", PS_E_INVALID, "line 3: \"size:1\" is not \"key: value\""},
        {"object: file:///a\nsize: 1 \n", PS_E_INVALID, "line 3: size"},
        {"object: file:///a\nsize: 1\r\n", PS_E_INVALID, "line 3: a control character"},
        {"object: file:///a\nsize\n", PS_E_INVALID, "line 3: \"size\" is not"},
        {"object: file:///a\nsize: \n", PS_E_INVALID, "line 3: size has no value"},
        {"object: file:///a#b\nsize: 1\n", PS_E_INVALID, "line 2: object: '#' must be written %23"},
        {"object: a\nsize: 1\n", PS_E_INVALID, "line 2: object: \"a\" is no"},
        {"object: file:///%2e%2e\nsize: 1\n", PS_E_INVALID, "line 2: object: \"..\""},
        {"# comment\n", PS_E_INVALID, "line 2"},
        {"object: file:///a\nsize: 1\nnew: \nother: : a=b&c%20\n", 0, ""},
    };
    char text[PS_PROXY_FILE_SIZE];

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct ps_error err = {0};
        struct ps_proxy proxy;

        make_file(text, table[i].text, strlen(table[i].text));
        expect_error(ps_proxy_parse(&proxy, text, sizeof(text), &err), &err, &table[i]);
    }
}

static void expect_bad_text(const char *text, size_t size, int code, const char *says)
{
    struct bad bad = {"a damaged proxy file", code, says};
    struct ps_error err = {0};
    struct ps_proxy proxy;

    expect_error(ps_proxy_parse(&proxy, text, size, &err), &err, &bad);
}

Test(proxy, damaged_file)
{
    static const char body[] = "object: file:///a\nsize: 1\n";
    char text[PS_PROXY_FILE_SIZE + 1];

    make_file(text, body, strlen(body));
    text[PS_PROXY_FILE_SIZE] = '\n';
    for (size_t size = 8; size < PS_PROXY_FILE_SIZE; size++)
        expect_bad_text(text, size, PS_E_INVALID, "a proxy file has 4093 bytes");
    expect_bad_text(text, PS_PROXY_FILE_SIZE + 1, PS_E_INVALID, "this one has 4094");
    text[4000] = '\0';
    expect_bad_text(text, PS_PROXY_FILE_SIZE, PS_E_INVALID, "a control character");
    text[4000] = '\n';
    text[PS_PROXY_FILE_SIZE - 1] = 'x';
    expect_bad_text(text, PS_PROXY_FILE_SIZE, PS_E_INVALID, "the last line does not end");
    text[PS_PROXY_FILE_SIZE - 1] = '\n';
    text[5] = '2';
    expect_bad_text(text, PS_PROXY_FILE_SIZE, PS_E_UNSUPPORTED, "format version 2 is not known");
    expect_bad_text(text, 100, PS_E_UNSUPPORTED, "format version 2 is not known");
    text[5] = 'x';
    expect_bad_text(text, PS_PROXY_FILE_SIZE, PS_E_INVALID, "the first line is damaged");
}

Test(proxy, too_long)
{
    char text[PS_PROXY_FILE_SIZE + 2];

    memset(text, 'a', sizeof(text));
    memcpy(text, "file:///", 8);
    expect_bad_text(text, PS_PROXY_FILE_SIZE + 1, PS_E_INVALID, "too long");
    expect_bad_text(text, PS_PROXY_FILE_SIZE, PS_E_INVALID, "object: 4093 bytes are too long");
    expect_bad_text(text, PS_URI_MAX, PS_E_INVALID, "2047 are the most");
    expect_bad_text(text, PS_URI_MAX - 1, 0, "");
}

Test(proxy, too_many_unknown_keys)
{
    char text[PS_PROXY_FILE_SIZE], *at = text + sprintf(text, "file:///a#a=1");

    for (int i = 0; i < 300; i++)
        at += sprintf(at, "&a%d=1", i);
    expect_bad_text(text, (size_t)(at - text), PS_E_INVALID, "this release does not know");
}

Test(proxy, all_attributes)
{
    static const char uri[] =
        "file:///a/b?opt=1#size=4096&version=m%201&offset=512&digest=sha256:00"
        "&store=main&later=a%26b";
    struct ps_error err = {0};
    struct ps_proxy p;

    cr_assert_eq(ps_proxy_parse(&p, uri, strlen(uri), &err), 0, "%s", err.message);
    cr_expect_str_eq(p.object, "file:///a/b?opt=1");
    cr_expect_eq(p.size, 4096);
    cr_expect_eq(p.has_size, 1);
    cr_expect_eq(p.offset, 512);
    cr_expect_str_eq(p.version, "m 1");
    cr_expect_str_eq(p.digest, "sha256:00");
    cr_expect_str_eq(p.store, "main");
    cr_expect_str_eq(p.extra, "later: a&b\n");
}

static int is_same(const struct ps_proxy *a, const struct ps_proxy *b)
{
    /* both were zeroed before they were filled, so every byte counts */
    return memcmp(a, b, sizeof(*a)) == 0;
}

static void fill(char *out, size_t most, unsigned *seed)
{
    size_t size = (size_t)rand_r(seed) % most;

    for (size_t i = 0; i < size; i++) {
        int c = ' ' + rand_r(seed) % (256 - ' ');

        out[i] = (char)(c == 127 ? '~' : c);
    }
}

static void make_random(struct ps_proxy *p, unsigned *seed)
{
    static const char digits[] = "0123456789abcdef";
    char *at;

    memset(p, 0, sizeof(*p));
    at = p->object + sprintf(p->object, "file:///s/");
    for (int i = rand_r(seed) % 20; i >= 0; i--)
        at += sprintf(at, "%%%c%c", digits[2 + rand_r(seed) % 14], digits[rand_r(seed) % 16]);
    sprintf(at, "k%d", rand_r(seed));
    p->has_size = rand_r(seed) % 4 != 0;
    p->size = p->has_size ? (uint64_t)rand_r(seed) << (rand_r(seed) % 32) : 0;
    p->offset = (uint64_t)rand_r(seed) % 3;
    p->has_offset = p->offset != 0 || p->has_size;
    fill(p->version, 40, seed);
    fill(p->digest, 40, seed);
    fill(p->store, 20, seed);
    if (rand_r(seed) % 2) {
        at = p->extra + sprintf(p->extra, "x-%d: ", rand_r(seed));
        fill(at, 40, seed);
        strcat(at, "\nlast: 1\n");
    }
}

/* What is written is read as what it was; a million different keys. */
Test(proxy, round_trip, .timeout = 300)
{
    char text[PS_PROXY_FILE_SIZE + 1];
    struct ps_proxy p, back;
    unsigned seed = 1;

    for (int i = 0; i < 1000000; i++) {
        struct ps_error err = {0};

        make_random(&p, &seed);
        cr_assert_eq(ps_proxy_format(&p, text, sizeof(text), &err), 0, "%s", err.message);
        cr_assert_eq(ps_proxy_parse(&back, text, strlen(text), &err), 0, "%s", err.message);
        cr_assert(is_same(&p, &back), "%s", text);
        if (!p.has_size || i % 16 != 0)
            continue;
        cr_assert_eq(ps_proxy_format_file(&p, text, &err), 0, "%s", err.message);
        cr_assert_eq(ps_proxy_parse(&back, text, PS_PROXY_FILE_SIZE, &err), 0, "%s", err.message);
        cr_assert(is_same(&p, &back), "%s", p.object);
    }
}

Test(proxy, longest_fits_into_a_file)
{
    char text[PS_PROXY_FILE_SIZE], uri[2 * PS_PROXY_FILE_SIZE];
    struct ps_error err = {0};
    struct ps_proxy p, back;

    memset(&p, 0, sizeof(p));
    memset(p.object, 'a', sizeof(p.object) - 1);
    memcpy(p.object, "file:///", 8);
    memset(p.version, '%', sizeof(p.version) - 1);
    memset(p.digest, '%', sizeof(p.digest) - 1);
    memset(p.store, '%', sizeof(p.store) - 1);
    memset(p.extra, ' ', sizeof(p.extra) - 1);
    memcpy(p.extra, "x:", 2);
    p.extra[sizeof(p.extra) - 2] = '\n';
    p.size = INT64_MAX - UINT64_C(1000000000000000000);
    p.offset = 1000000000000000000;
    p.has_size = p.has_offset = 1;
    cr_assert_eq(ps_proxy_format_file(&p, text, &err), 0, "%s", err.message);
    cr_assert_eq(ps_proxy_parse(&back, text, sizeof(text), &err), 0, "%s", err.message);
    cr_expect(is_same(&p, &back));
    /* encoded it is longer than a reader takes, however much room there is */
    cr_expect_eq(ps_proxy_format(&p, uri, sizeof(uri), &err), PS_E_INVALID);
    cr_expect(strstr(err.message, "does not fit") != NULL, "%s", err.message);
}

Test(proxy, format_refuses_what_is_not_read)
{
    struct ps_proxy p = {.object = "file:///a", .size = 1, .has_size = 1}, bad;
    char text[PS_PROXY_FILE_SIZE + 1];

    for (size_t size = 0; size < 16; size++) /* "file:///a#size=1" */
        cr_expect_eq(ps_proxy_format(&p, text, size, NULL), PS_E_INVALID);
    cr_expect_eq(ps_proxy_format(&p, text, 17, NULL), 0);
    bad = p;
    strcpy(bad.version, "1\nstore: other");
    cr_expect_eq(ps_proxy_format_file(&bad, text, NULL), PS_E_INVALID);
    cr_expect_eq(ps_proxy_format(&bad, text, sizeof(text), NULL), PS_E_INVALID);
    bad = p;
    strcpy(bad.extra, "size: 2\n");
    cr_expect_eq(ps_proxy_format_file(&bad, text, NULL), PS_E_INVALID);
    strcpy(bad.extra, "new: 2");
    cr_expect_eq(ps_proxy_format_file(&bad, text, NULL), PS_E_INVALID);
    bad = p;
    bad.size = UINT64_MAX;
    cr_expect_eq(ps_proxy_format(&bad, text, sizeof(text), NULL), PS_E_INVALID);
    bad = p;
    bad.has_size = 0;
    cr_expect_eq(ps_proxy_format_file(&bad, text, NULL), PS_E_INVALID);
    bad = p;
    memset(bad.store, 'a', sizeof(bad.store)); /* no closing NUL */
    cr_expect_eq(ps_proxy_format(&bad, text, sizeof(text), NULL), PS_E_INVALID);
    strcpy(bad.object, "redis://:secret@host/0/k");
    cr_expect_eq(ps_proxy_format(&bad, text, sizeof(text), NULL), PS_E_INVALID);
}

/* --- files ------------------------------------------------------------------ */

static char folder[64];

static void make_folder(void)
{
    strcpy(folder, "/tmp/ps-proxy-XXXXXX");
    cr_assert(mkdtemp(folder) != NULL);
    cr_assert_eq(chdir(folder), 0);
}

static void remove_folder(void)
{
    char command[100];

    sprintf(command, "rm -rf %s", folder);
    cr_expect_eq(system(command), 0);
}

static void put_text(const char *path, const char *text, size_t size)
{
    FILE *file = fopen(path, "w");

    cr_assert(file != NULL);
    cr_assert_eq(fwrite(text, 1, size, file), size);
    fclose(file);
}

TestSuite(proxy_file, .init = make_folder, .fini = remove_folder);

Test(proxy_file, write_and_read)
{
    struct ps_proxy p = {.object = "file:///a", .size = 1, .has_size = 1}, back;
    struct ps_error err = {0};
    struct stat st;

    umask(027);
    cr_assert_eq(ps_proxy_write(&p, "a.psx", &err), 0, "%s", err.message);
    cr_assert_eq(stat("a.psx", &st), 0);
    cr_expect_eq(st.st_size, PS_PROXY_FILE_SIZE);
    cr_expect_eq(st.st_mode & 0777, 0640);
    p.size = 2;
    cr_assert_eq(ps_proxy_write(&p, "a.psx", &err), 0, "%s", err.message);
    cr_assert_eq(ps_proxy_read(&back, "a.psx", &err), 0, "%s", err.message);
    cr_expect_eq(back.size, 2);
    cr_expect_eq(system("test \"$(ls -A)\" = a.psx"), 0, "nothing else is left");
}

Test(proxy_file, errors_name_the_path)
{
    struct ps_proxy p = {.object = "file:///a", .size = 1, .has_size = 1};
    struct ps_error err = {0};

    cr_expect_eq(ps_proxy_write(&p, "no/a.psx", &err), PS_E_NOT_FOUND);
    cr_expect(strstr(err.message, "no/a.psx: No such") != NULL, "%s", err.message);
    cr_assert_eq(mkdir("folder", 0700), 0);
    cr_expect_eq(ps_proxy_write(&p, "folder", &err), PS_E_SYSTEM);
    cr_expect(strstr(err.message, "folder: Is a directory") != NULL, "%s", err.message);
    cr_expect_eq(system("test \"$(ls -A)\" = folder"), 0, "the temporary file is removed");
    cr_expect_eq(ps_proxy_read(&p, "folder", &err), PS_E_INVALID);
    cr_expect_eq(ps_proxy_read(&p, "none", &err), PS_E_NOT_FOUND);
    cr_expect(strstr(err.message, "none: No such") != NULL, "%s", err.message);
    put_text("text", "hello\n", 6);
    cr_expect_eq(ps_proxy_read(&p, "text", &err), PS_E_INVALID);
    cr_expect_str_eq(err.message, "text: not a proxy file");
    put_text("cut", PS_PROXY_MAGIC "object: file:///a\n", 26);
    cr_expect_eq(ps_proxy_read(&p, "cut", &err), PS_E_INVALID);
    cr_expect(strstr(err.message, "cut: proxy: a proxy file has 4093 bytes, this one has 26") !=
                  NULL,
              "%s", err.message);
    cr_assert_eq(mkfifo("fifo", 0600), 0);
    cr_expect_eq(ps_proxy_read(&p, "fifo", &err), PS_E_INVALID);
}

static int probe(const char *text, struct ps_error *err)
{
    struct ps_proxy p;
    int fd, result;

    put_text("probed", text, PS_PROXY_FILE_SIZE);
    fd = open("probed", O_RDONLY);
    cr_assert(fd >= 0);
    cr_assert_eq(lseek(fd, 7, SEEK_SET), 7);
    result = ps_proxy_probe_fd(fd, &p, err);
    cr_expect_eq(lseek(fd, 0, SEEK_CUR), 7, "the offset is the program's");
    close(fd);
    if (result == 1)
        cr_expect_str_eq(p.object, "file:///a");
    return result;
}

Test(proxy_file, probe)
{
    static const char good[] = "object: file:///a\nsize: 1\n", bad[] = "size: 1\n";
    char text[PS_PROXY_FILE_SIZE];
    struct ps_error err = {0};

    make_file(text, good, strlen(good));
    cr_expect_eq(probe(text, &err), 1);
    make_file(text, "", 0);
    memset(text, 'x', sizeof(text));
    cr_expect_eq(probe(text, &err), 0);
    memcpy(text, "%PSX 1 is no magic line\n", 24);
    cr_expect_eq(probe(text, &err), 0);
    cr_expect_eq(err.code, 0);
    make_file(text, bad, strlen(bad));
    cr_expect_eq(probe(text, &err), PS_E_INVALID);
    cr_expect(strstr(err.message, "object is missing") != NULL, "%s", err.message);
    text[5] = '9';
    ps_error_clear(&err);
    cr_expect_eq(probe(text, &err), PS_E_UNSUPPORTED);
}

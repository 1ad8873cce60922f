/* place.c: where proxies and their objects are */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "psctl.h"

/* <ctype.h> asks the locale, which may call more than these letters. */
static int is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int is_url(const char *text)
{
    size_t i = 1;

    if (!is_letter(text[0]))
        return 0;
    while (is_letter(text[i]) || is_digit(text[i]) || (text[i] != '\0' && strchr("+-.", text[i])))
        i++;
    return strncmp(text + i, "://", 3) == 0;
}

int load_proxy(struct ps_proxy *proxy, const char *argument, struct ps_error *err)
{
    if (is_url(argument))
        return ps_proxy_parse(proxy, argument, strlen(argument), err);
    return ps_proxy_read(proxy, argument, err);
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int percent_decode(char *out, const char *text, const char *end, struct ps_error *err)
{
    while (text < end) {
        int c = (unsigned char)*text;

        if (c == '%') {
            int high = end - text > 2 ? hex_value(text[1]) : -1;
            int low = high < 0 ? -1 : hex_value(text[2]);

            c = high << 4 | low;
            if (low < 0 || c == 0)
                return ps_error_set(err, PS_E_INVALID, 0, "bad %%-escape in the object's URI");
            text += 2;
        }
        *out++ = (char)c;
        text++;
    }
    *out = '\0';
    return 0;
}

int split_object(const char *object, char *store, char *key, struct ps_error *err)
{
    const char *options = object + strcspn(object, "?");
    const char *place = strstr(object, "://");
    const char *slash;
    size_t kept;

    ps_error_clear(err);
    if (!is_url(object) || strlen(object) >= PS_URI_MAX)
        return ps_error_set(err, PS_E_INVALID, 0, "no object's URI: %.150s", object);
    place += 3;
    slash = place < options ? memrchr(place, '/', (size_t)(options - place)) : NULL;
    if (slash == NULL || slash + 1 == options)
        return ps_error_set(err, PS_E_INVALID, 0, "no object in %.150s", object);
    /* the folder of file:///key is /, not nothing; that of http://h/x//key is x/, not x */
    kept = (size_t)(slash - object) + (slash == place || slash[-1] == '/');
    memcpy(store, object, kept);
    strcpy(store + kept, options);
    return percent_decode(key, slash + 1, options, err);
}

int file_url(const char *path, char *url, size_t size, struct ps_error *err)
{
    static const char hex[] = "0123456789ABCDEF";
    char canonical[PATH_MAX];
    size_t used = 7;

    ps_error_clear(err);
    if (realpath(path, canonical) == NULL)
        return ps_error_set(err, errno == ENOENT ? PS_E_NOT_FOUND : PS_E_SYSTEM, errno, "%.180s",
                            path);
    memcpy(url, "file://", used);
    for (const char *c = canonical; *c != '\0'; c++) {
        int plain = is_letter(*c) || is_digit(*c) || strchr("/-._~", *c) != NULL;

        if (used + (plain ? 1 : 3) >= size)
            return ps_error_set(err, PS_E_INVALID, 0, "path is too long: %.150s", path);
        if (plain) {
            url[used++] = *c;
        } else {
            url[used++] = '%';
            url[used++] = hex[(unsigned char)*c >> 4];
            url[used++] = hex[(unsigned char)*c & 15];
        }
    }
    url[used] = '\0';
    return 0;
}

int is_refused(const char *argument, struct ps_error *err)
{
    struct ps_map_options options = {sizeof(options), PS_MAP_READ_ONLY};
    void *map = ps_lazy_map(argument, NULL, &options, err);

    /* a map fetches nothing until it is touched */
    if (map != NULL)
        ps_unmap(map);
    return map == NULL && err->code == PS_E_REFUSED;
}

int is_elsewhere(const char *argument, const struct ps_proxy *proxy, const struct ps_proxy *found,
                 struct ps_error *err)
{
    const char *named = proxy->object, *real = found->object;
    char named_path[PS_URI_MAX], real_path[PS_URI_MAX];

    /* one name may be encoded in several ways */
    if (is_url(argument) ||
        (percent_decode(named_path, named, named + strcspn(named, "?"), NULL) == 0 &&
         percent_decode(real_path, real, real + strcspn(real, "?"), NULL) == 0 &&
         strcmp(named_path, real_path) == 0))
        return 0;
    ps_error_set(err, PS_E_REFUSED, 0, "%.110s is reached through a symbolic link: it is %.110s",
                 named, real);
    return 1;
}

int open_store_of(struct ps_store **store, const char *object, char *url, char *key,
                  struct ps_error *err)
{
    int result = split_object(object, url, key, err);

    return result < 0 ? result : ps_store_open(store, url, err);
}

/* check_existing: may the proxy replace what is at its path? */
static int check_existing(const char *path, const char *proxy, int is_wanted)
{
    struct stat old, source;

    if (raw_stat(proxy, &old) < 0)
        return STATUS_OK;
    if (S_ISDIR(old.st_mode))
        return fail("%s is a folder", proxy);
    if (!S_ISREG(old.st_mode))
        return fail("%s is no ordinary file", proxy);
    if (!is_url(path) && raw_stat(path, &source) == 0 && source.st_dev == old.st_dev &&
        source.st_ino == old.st_ino)
        return fail("%s and %s are the same file: the proxy would replace it", path, proxy);
    /* a name that the user did not choose must not cost them a file of theirs */
    if (!is_wanted && !is_proxy_file(proxy))
        return fail("%s is there already and is no proxy file; use -o", proxy);
    return STATUS_OK;
}

int choose_proxy_path(const char *path, const char *wanted, char *out, size_t size)
{
    size_t length = strlen(path);
    const char *name = path;
    int n;

    if (wanted == NULL && is_url(path)) {
        length = strcspn(path, "?#");
        name = memrchr(path, '/', length);
        name = name == NULL ? path : name + 1;
        length -= (size_t)(name - path);
    }
    if (wanted != NULL && is_output(wanted) && isatty(STDOUT_FILENO))
        return fail("standard output is a terminal; use -o PROXY");
    n = wanted != NULL ? snprintf(out, size, "%s", wanted)
                       : snprintf(out, size, "%.*s.psx", (int)length, name);
    if (n < 0 || (size_t)n >= size)
        return fail("the proxy's path is too long; use -o");
    if (wanted != NULL && (n == 0 || out[n - 1] == '/'))
        return fail("\"%s\" is no file name", wanted);
    if (is_output(out))
        return STATUS_OK;
    if (!is_writable_folder(out))
        return wanted != NULL ? fail("can't write beside %s: %s", out, strerror(errno))
                              : fail("can't write %s: %s; use -o PROXY", out, strerror(errno));
    return check_existing(path, out, wanted != NULL);
}

void record_trust(const char *place, FILE *told)
{
    char file[PATH_MAX] = "", plain[PS_URI_MAX];
    struct ps_error err = {0};
    int recorded = ps_trust_allow(place, file, sizeof(file), &err);
    const char *scheme;

    /* what is recorded is the place itself, without wrappers before it and options behind */
    snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(place, "?"), place);
    scheme = strstr(plain, "://");
    while (scheme != NULL && scheme > plain && scheme[-1] != '+')
        scheme--;
    if (recorded < 0) {
        /* the proxy is made, and good where its object is allowed in another way */
        fail("not recorded as allowed: %s; programs that use the proxy need PS_ALLOW=%s",
             err.message, scheme != NULL ? scheme : plain);
    } else if (recorded > 0) {
        fprintf(told, "recorded in %s: allow = ", file);
        print_clean(told, scheme != NULL ? scheme : plain);
        fputc('\n', told);
    }
}

void record_store(const char *object, FILE *told)
{
    const char *slash = memrchr(object, '/', strcspn(object, "?"));
    char folder[PS_URI_MAX];

    if (slash == NULL)
        return;
    snprintf(folder, sizeof(folder), "%.*s", (int)(slash - object) + 1, object);
    record_trust(folder, told);
}

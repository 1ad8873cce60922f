/* url.c: see url.h, and the services in include/ps/backend.h */
#include "url.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* <ctype.h> asks the locale, which may call a Latin-1 letter a letter. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
           (c != '\0' && strchr("-._~", c) != NULL);
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int ps_url_encode(char *out, size_t size, const char *text, struct ps_error *err)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t used = 0;

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (used + (is_plain(*text) ? 1 : 3) >= size)
            return ps_error_set(err, PS_E_INVALID, 0, "name is too long for a URL");
        if (is_plain(*text)) {
            out[used++] = *text;
        } else {
            out[used++] = '%';
            out[used++] = digits[c >> 4];
            out[used++] = digits[c & 15];
        }
    }
    if (used >= size)
        return ps_error_set(err, PS_E_INVALID, 0, "name is too long for a URL");
    out[used] = '\0';
    return 0;
}

int ps_url_decode(char *out, size_t size, const char *text, size_t length, struct ps_error *err)
{
    size_t used = 0;

    for (size_t i = 0; i < length; i++) {
        int c = (unsigned char)text[i];

        if (c == '%') {
            int high = length - i > 2 ? hex_value(text[i + 1]) : -1;
            int low = high >= 0 ? hex_value(text[i + 2]) : -1;

            if (low < 0)
                return ps_error_set(err, PS_E_INVALID, 0, "malformed %%-escape in '%.*s'",
                                    (int)(length < 100 ? length : 100), text);
            c = high << 4 | low;
            i += 2;
        }
        if (c == '\0')
            return ps_error_set(err, PS_E_INVALID, 0, "NUL in '%.*s'",
                                (int)(length < 100 ? length : 100), text);
        if (used + 1 >= size)
            return ps_error_set(err, PS_E_INVALID, 0, "too long: '%.100s...'", text);
        out[used++] = (char)c;
    }
    if (used >= size)
        return ps_error_set(err, PS_E_INVALID, 0, "no room for a part of a URL");
    out[used] = '\0';
    return 0;
}

int ps_url_check_key(const char *key, struct ps_error *err)
{
    if (key[0] == '\0')
        return ps_error_set(err, PS_E_INVALID, 0, "key is empty");
    if (strcmp(key, ".") == 0 || strcmp(key, "..") == 0 || strchr(key, '/') != NULL)
        return ps_error_set(err, PS_E_INVALID, 0, "'%.150s' can't be a key", key);
    return 0;
}

int ps_url_split(const char *object, char *store_url, size_t url_size, char *key, size_t key_size,
                 struct ps_error *err)
{
    size_t end = strcspn(object, "?");
    const char *authority = strstr(object, "://");
    const char *slash;
    size_t kept;
    int result;

    if (authority == NULL || (size_t)(authority - object) > end || authority == object)
        return ps_error_set(err, PS_E_INVALID, 0, "no \"scheme://\" in '%.150s'", object);
    authority += 3;
    slash = memrchr(authority, '/', end - (size_t)(authority - object));
    if (slash == NULL || slash + 1 == object + end)
        return ps_error_set(err, PS_E_INVALID, 0, "no key in '%.150s'", object);
    result = ps_url_decode(key, key_size, slash + 1, (size_t)(object + end - slash - 1), err);
    if (result == 0)
        result = ps_url_check_key(key, err);
    if (result < 0)
        return result;
    /*
     * "file:///key": the folder is "/", not nothing. And "http://h/x//key": it is
     * "x/", which to a web server is another one than "x"; a slash at the end of a
     * store's URL says nothing by itself.
     */
    kept = (size_t)(slash - object) + (slash == authority || slash[-1] == '/');
    if (kept + strlen(object + end) >= url_size)
        return ps_error_set(err, PS_E_INVALID, 0, "URI is too long: '%.150s...'", object);
    memcpy(store_url, object, kept);
    strcpy(store_url + kept, object + end);
    return 0;
}

int ps_url_join(char *out, size_t size, const char *store_url, const char *key,
                struct ps_error *err)
{
    size_t end = strcspn(store_url, "?");
    bool slash = end > 0 && store_url[end - 1] == '/';
    const char *authority = strstr(store_url, "://");
    char encoded[PS_URI_MAX];
    int length;
    int result = ps_url_check_key(key, err);

    if (result == 0)
        result = ps_url_encode(encoded, sizeof(encoded), key, err);
    if (result < 0)
        return result;
    if (authority == NULL || (size_t)(authority - store_url) > end || end > INT_MAX)
        return ps_error_set(err, PS_E_INVALID, 0, "no \"scheme://\" in '%.150s'", store_url);
    if ((size_t)(authority - store_url) + 3 == end)
        slash = false; /* "file://": these slashes end the scheme, not a path */
    length = snprintf(out, size, "%.*s%s%s%s", (int)end, store_url, slash ? "" : "/", encoded,
                      store_url + end);
    if (length < 0 || (size_t)length >= size)
        return ps_error_set(err, PS_E_INVALID, 0, "URI is too long: key '%.150s'", key);
    return 0;
}

const char *ps_url_inner(const char *url)
{
    size_t length = strcspn(url, "+:/?");

    while (url[length] == '+') {
        url += length + 1;
        length = strcspn(url, "+:/?");
    }
    return url;
}

/* --- services for backends ---------------------------------------------------- */

PS_API int ps_url_option(char *url, const char *name, char *value, size_t size,
                         struct ps_error *err)
{
    size_t name_length = strlen(name);
    char *part = strchr(url, '?');

    while (part != NULL) {
        size_t length = strcspn(++part, "&");

        if (length > name_length && strncmp(part, name, name_length) == 0 &&
            part[name_length] == '=') {
            char *rest = part + length;
            int result =
                ps_url_decode(value, size, part + name_length + 1, length - name_length - 1, err);

            if (result < 0)
                return result;
            if (*rest == '&')
                memmove(part, rest + 1, strlen(rest + 1) + 1);
            else
                part[-1] = '\0';
            return 1;
        }
        part = part[length] == '&' ? part + length : NULL;
    }
    return 0;
}

PS_API int ps_url_end_options(const char *url, struct ps_error *err)
{
    const char *part = strchr(url, '?');

    if (part == NULL || part[1] == '\0')
        return 0;
    /* the name only: what follows it may be a secret */
    return ps_error_set(err, PS_E_INVALID, 0, "unknown option '%.*s'", (int)strcspn(part + 1, "=&"),
                        part + 1);
}

/* Reads digits at *text into *number, and moves *text behind them. */
static bool read_number(uint64_t *number, const char **text)
{
    const char *at = *text;

    *number = 0;
    for (; is_digit(*at); at++)
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, (uint64_t)(*at - '0'), number))
            return false;
    if (at == *text)
        return false;
    *text = at;
    return true;
}

PS_API int ps_parse_size(uint64_t *bytes, const char *text, struct ps_error *err)
{
    static const char units[] = "KMGT";
    const char *at = text;
    const char *unit;
    uint64_t number = 0;

    if (!read_number(&number, &at))
        return ps_error_set(err, PS_E_INVALID, 0, "'%.100s' is no size", text);
    unit = *at ? strchr(units, *at) : NULL;
    if ((*at && unit == NULL) || (unit != NULL && at[1] != '\0'))
        return ps_error_set(err, PS_E_INVALID, 0, "'%.100s' is no size; units are K, M, G, T",
                            text);
    if (unit != NULL &&
        __builtin_mul_overflow(number, UINT64_C(1) << (10 * (unit - units + 1)), &number))
        return ps_error_set(err, PS_E_INVALID, 0, "size '%.100s' is too big", text);
    *bytes = number;
    return 0;
}

/* Nanoseconds in the unit that text names, or 0 when there is none of that name. */
static uint64_t time_unit(const char *text)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {
        {"", 1000000000}, {"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1},
    };

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(text, units[i].name) == 0)
            return units[i].ns;
    return 0;
}

PS_API int ps_parse_time(uint64_t *ns, const char *text, struct ps_error *err)
{
    const char *at = text;
    const char *fraction = NULL;
    uint64_t whole = 0, part = 0, unit;

    if (!read_number(&whole, &at))
        return ps_error_set(err, PS_E_INVALID, 0, "'%.100s' is no time", text);
    if (*at == '.') {
        fraction = ++at;
        if (!is_digit(*at))
            return ps_error_set(err, PS_E_INVALID, 0, "'%.100s' is no time", text);
        at += strspn(at, "0123456789");
    }
    unit = time_unit(at);
    if (unit == 0)
        return ps_error_set(err, PS_E_INVALID, 0, "'%.100s' is no time; units are s, ms, us, ns",
                            text);
    if (fraction != NULL)
        for (uint64_t place = unit / 10; place > 0 && is_digit(*fraction); place /= 10)
            part += (uint64_t)(*fraction++ - '0') * place;
    if (__builtin_mul_overflow(whole, unit, &whole) || __builtin_add_overflow(whole, part, &whole))
        return ps_error_set(err, PS_E_INVALID, 0, "time '%.100s' is too long", text);
    *ns = whole;
    return 0;
}

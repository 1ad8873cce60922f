/* proxy_keys.c: what each key of a proxy may hold; the rules of proxy.c hold here too */
#include "proxy_parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { KEY_OBJECT, KEY_SIZE, KEY_VERSION, KEY_DIGEST, KEY_STORE, KEY_OFFSET, KEYS, KEY_MAX = 64 };

static const struct {
    const char *name;
    size_t place; /* in struct ps_proxy */
    size_t size;  /* of that text, NUL included; 0: a number */
} known[KEYS] = {
    [KEY_OBJECT] = {"object", offsetof(struct ps_proxy, object), PS_URI_MAX},
    [KEY_SIZE] = {"size", offsetof(struct ps_proxy, size), 0},
    [KEY_VERSION] = {"version", offsetof(struct ps_proxy, version), PS_VERSION_MAX},
    [KEY_DIGEST] = {"digest", offsetof(struct ps_proxy, digest), PS_DIGEST_MAX},
    [KEY_STORE] = {"store", offsetof(struct ps_proxy, store), PS_STORE_NAME_MAX},
    [KEY_OFFSET] = {"offset", offsetof(struct ps_proxy, offset), 0},
};

void ps_proxy_reader_start(struct ps_proxy_reader *reader, struct ps_proxy *out,
                           struct ps_error *err)
{
    memset(out, 0, sizeof(*out));
    *reader = (struct ps_proxy_reader){.out = out, .err = err};
}

int ps_proxy_fail(struct ps_proxy_reader *reader, int code, const char *format, ...)
{
    char what[sizeof(reader->err->message)];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    if (reader->line != 0)
        return ps_error_set(reader->err, code, 0, "proxy, line %u: %s", reader->line, what);
    return ps_error_set(reader->err, code, 0, "proxy: %s", what);
}

static bool has_control(struct ps_span text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.at[i] < ' ' || text.at[i] == 127)
            return true;
    return false;
}

static bool is_key(struct ps_span key)
{
    for (size_t i = 0; i < key.size; i++) {
        char c = key.at[i];
        bool inner = i > 0 && ((c >= '0' && c <= '9') || c == '_' || c == '-');

        if (!inner && !(c >= 'a' && c <= 'z'))
            return false;
    }
    return key.size > 0 && key.size <= KEY_MAX;
}

static int find_key(struct ps_span key)
{
    int i;

    for (i = 0; i < KEYS; i++)
        if (strlen(known[i].name) == key.size && memcmp(known[i].name, key.at, key.size) == 0)
            break;
    return i;
}

static int take_text(struct ps_proxy_reader *reader, int key, struct ps_span value)
{
    char *place = (char *)reader->out + known[key].place;

    if (value.size >= known[key].size)
        return ps_proxy_fail(reader, PS_E_INVALID, "%s: %zu bytes are too long, %zu are the most",
                             known[key].name, value.size, known[key].size - 1);
    if (key == KEY_OBJECT && ps_proxy_check_object(reader, value) != 0)
        return PS_E_INVALID;
    memcpy(place, value.at, value.size);
    place[value.size] = '\0';
    return 0;
}

static int take_number(struct ps_proxy_reader *reader, int key, struct ps_span value)
{
    uint64_t number = 0;

    if (value.at[0] == '-')
        return ps_proxy_fail(reader, PS_E_INVALID, "%s: \"%.*s\" is negative", known[key].name,
                             PS_QUOTE(value));
    for (size_t i = 0; i < value.size; i++) {
        unsigned digit = (unsigned)(unsigned char)value.at[i] - '0';

        if (digit > 9)
            return ps_proxy_fail(reader, PS_E_INVALID, "%s: \"%.*s\" is not a number of bytes",
                                 known[key].name, PS_QUOTE(value));
        if (number > ((uint64_t)INT64_MAX - digit) / 10)
            return ps_proxy_fail(reader, PS_E_INVALID, "%s: \"%.*s\" is too large", known[key].name,
                                 PS_QUOTE(value));
        number = number * 10 + digit;
    }
    memcpy((char *)reader->out + known[key].place, &number, sizeof(number));
    return 0;
}

static int take_known(struct ps_proxy_reader *reader, int key, struct ps_span value)
{
    if (reader->seen & 1U << key)
        return ps_proxy_fail(reader, PS_E_INVALID, "%s is given twice", known[key].name);
    reader->seen |= 1U << key;
    if (value.size == 0)
        return ps_proxy_fail(reader, PS_E_INVALID, "%s has no value", known[key].name);
    if (known[key].size == 0)
        return take_number(reader, key, value);
    return take_text(reader, key, value);
}

/* Is there a line with this key in extra already? extra is short, so this is bounded. */
static bool has_extra(const struct ps_proxy_reader *reader, struct ps_span key)
{
    const char *at = reader->out->extra, *end = at + reader->extra;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        if ((size_t)(newline - at) > key.size && at[key.size] == ':' &&
            memcmp(at, key.at, key.size) == 0)
            return true;
        at = newline + 1;
    }
    return false;
}

static int take_unknown(struct ps_proxy_reader *reader, struct ps_span key, struct ps_span value)
{
    char *at = reader->out->extra + reader->extra;
    size_t room = sizeof(reader->out->extra) - reader->extra;
    size_t need = key.size + value.size + 4; /* ": ", the newline, a NUL */

    if (has_extra(reader, key))
        return ps_proxy_fail(reader, PS_E_INVALID, "%.*s is given twice", PS_QUOTE(key));
    if (need > room)
        return ps_proxy_fail(reader, PS_E_INVALID,
                             "%.*s: too many or too long keys that this release does not know",
                             PS_QUOTE(key));
    memcpy(at, key.at, key.size);
    memcpy(at + key.size, ": ", 2);
    memcpy(at + key.size + 2, value.at, value.size);
    memcpy(at + key.size + 2 + value.size, "\n", 2);
    reader->extra += need - 1;
    return 0;
}

int ps_proxy_take(struct ps_proxy_reader *reader, struct ps_span key, struct ps_span value)
{
    int number;

    if (!is_key(key))
        return ps_proxy_fail(reader, PS_E_INVALID, "\"%.*s\" is not a key", PS_QUOTE(key));
    if (has_control(value))
        return ps_proxy_fail(reader, PS_E_INVALID, "%.*s: a control character in its value",
                             PS_QUOTE(key));
    number = find_key(key);
    return number == KEYS ? take_unknown(reader, key, value) : take_known(reader, number, value);
}

int ps_proxy_take_line(struct ps_proxy_reader *reader, struct ps_span line)
{
    const char *colon = memchr(line.at, ':', line.size);
    size_t size;

    if (has_control(line)) /* first, as such a line may have no colon either */
        return ps_proxy_fail(reader, PS_E_INVALID, "a control character");
    if (colon == NULL || colon + 1 == line.at + line.size || colon[1] != ' ')
        return ps_proxy_fail(reader, PS_E_INVALID, "\"%.*s\" is not \"key: value\"",
                             PS_QUOTE(line));
    size = (size_t)(colon - line.at);
    return ps_proxy_take(reader, (struct ps_span){line.at, size},
                         (struct ps_span){colon + 2, line.size - size - 2});
}

int ps_proxy_take_end(struct ps_proxy_reader *reader, bool needs_size)
{
    struct ps_proxy *out = reader->out;

    if (!(reader->seen & 1U << KEY_OBJECT))
        return ps_proxy_fail(reader, PS_E_INVALID, "object is missing");
    out->has_size = (reader->seen & 1U << KEY_SIZE) != 0;
    out->has_offset = (reader->seen & 1U << KEY_OFFSET) != 0;
    if (needs_size && !out->has_size)
        return ps_proxy_fail(reader, PS_E_INVALID, "size is missing");
    if (out->size > (uint64_t)INT64_MAX - out->offset)
        return ps_proxy_fail(reader, PS_E_INVALID, "offset and size together are too large");
    return 0;
}

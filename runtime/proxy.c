/*
 * proxy.c: reads both spellings of a proxy
 *
 * The text is untrusted and the process is somebody else's: one pass, no
 * allocation, no recursion, and nothing that depends on the locale.
 */
#include <ps/proxy.h>

#include <string.h>

#include "proxy_parse.h"
#include "url.h"

static bool span_is(struct ps_span span, const char *text)
{
    return strlen(text) == span.size && memcmp(span.at, text, span.size) == 0;
}

/* The digits between "%PSX " and its NUL: the format version; empty when text begins otherwise. */
static struct ps_span format_version(const char *text, size_t length)
{
    const size_t start = 5, most = start + 9;
    size_t end = start;

    if (length < start || memcmp(text, PS_PROXY_MAGIC, start) != 0)
        return (struct ps_span){text, 0};
    while (end < length && end < most && text[end] >= '0' && text[end] <= '9')
        end++;
    if (end + 2 > length || text[end] != '\0' || text[end + 1] != '\n')
        return (struct ps_span){text, 0};
    return (struct ps_span){text + start, end - start};
}

bool ps_proxy_has_magic(const char *text, size_t length)
{
    return format_version(text, length).size != 0;
}

static int check_file_frame(struct ps_proxy_reader *reader, const char *text, size_t length)
{
    struct ps_span version = format_version(text, length);

    /* before the length: another version may have another one */
    if (version.size != 0 && !span_is(version, "1"))
        return ps_proxy_fail(reader, PS_E_UNSUPPORTED,
                             "format version %.*s is not known to this release, which reads 1",
                             (int)version.size, version.at);
    if (length != PS_PROXY_FILE_SIZE)
        return ps_proxy_fail(
            reader, PS_E_INVALID,
            "a proxy file has %d bytes, this one has %zu: cut or changed on its way",
            PS_PROXY_FILE_SIZE, length);
    if (version.size == 0)
        return ps_proxy_fail(reader, PS_E_INVALID, "the first line is damaged");
    return 0;
}

static int parse_file(struct ps_proxy_reader *reader, const char *text, size_t length)
{
    const char *at = text + PS_PROXY_MAGIC_SIZE, *end = text + length;
    int status = check_file_frame(reader, text, length);

    reader->line = 1;
    while (status == 0 && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        reader->line++;
        if (newline == NULL)
            return ps_proxy_fail(reader, PS_E_INVALID, "the last line does not end");
        if (newline != at)
            status = ps_proxy_take_line(reader, (struct ps_span){at, (size_t)(newline - at)});
        at = newline + 1;
    }
    reader->line = 0;
    return status ? status : ps_proxy_take_end(reader, true);
}

/* One "key=value" of the fragment, its value percent-encoded. */
static int take_attribute(struct ps_proxy_reader *reader, struct ps_span pair)
{
    const char *equals = memchr(pair.at, '=', pair.size);
    struct ps_span key = pair;
    struct ps_error cause = {0};
    char value[PS_URI_MAX];

    if (equals == NULL)
        return ps_proxy_fail(reader, PS_E_INVALID, "attribute \"%.*s\" has no value",
                             PS_QUOTE(pair));
    key.size = (size_t)(equals - pair.at);
    if (ps_url_decode(value, sizeof(value), equals + 1, pair.size - key.size - 1, &cause) < 0)
        return ps_proxy_fail(reader, PS_E_INVALID, "%.*s: %s", PS_QUOTE(key), cause.message);
    return ps_proxy_take(reader, key, (struct ps_span){value, strlen(value)});
}

static int parse_attributes(struct ps_proxy_reader *reader, const char *at, const char *end)
{
    int status = 0;

    while (status == 0 && at < end) {
        const char *and = memchr(at, '&', (size_t)(end - at));

        if (and == NULL)
            and = end;
        if (and != at)
            status = take_attribute(reader, (struct ps_span){at, (size_t)(and-at)});
        at = and+1;
    }
    return status;
}

static int parse_uri(struct ps_proxy_reader *reader, const char *text, size_t length)
{
    const struct ps_span key = {"object", 6};
    const char *fragment;
    int status;

    if (length > PS_PROXY_FILE_SIZE)
        return ps_proxy_fail(reader, PS_E_INVALID,
                             "%zu bytes are too long for one, %d are the most", length,
                             PS_PROXY_FILE_SIZE);
    fragment = memchr(text, '#', length);
    if (fragment == NULL)
        fragment = text + length;
    status = ps_proxy_take(reader, key, (struct ps_span){text, (size_t)(fragment - text)});
    if (status == 0 && fragment < text + length)
        status = parse_attributes(reader, fragment + 1, text + length);
    return status ? status : ps_proxy_take_end(reader, false);
}

PS_API int ps_proxy_parse(struct ps_proxy *out, const char *text, size_t length,
                          struct ps_error *err)
{
    struct ps_proxy_reader reader;
    int status;

    ps_error_clear(err);
    ps_proxy_reader_start(&reader, out, err);
    if (length >= 4 && memcmp(text, PS_PROXY_MAGIC, 4) == 0)
        status = parse_file(&reader, text, length);
    else
        status = parse_uri(&reader, text, length);
    if (status != 0)
        memset(out, 0, sizeof(*out)); /* nobody shall use half a proxy */
    return status;
}

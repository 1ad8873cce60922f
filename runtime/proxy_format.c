/*
 * proxy_format.c: writes both spellings of a proxy; see include/ps/proxy.h
 *
 * Both are made from the same "key: value" lines. Each goes through the reader
 * first: what it would refuse, such as a version with a newline that smuggles
 * in another key, is not written.
 */
#include <ps/proxy.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proxy_parse.h"
#include "url.h"

struct lines {
    struct ps_proxy_reader reader; /* into a proxy that nobody looks at */
    char *text;                    /* of LINES_MAX bytes */
    size_t used;
};

enum { LINES_MAX = PS_PROXY_FILE_SIZE - PS_PROXY_MAGIC_SIZE };

/* The longest proxy fits: this only guards the sizes of struct ps_proxy against a change. */
_Static_assert(sizeof(struct ps_proxy) + 100 < LINES_MAX, "a proxy must fit into a proxy file");

static void append(struct lines *lines, struct ps_span text)
{
    memcpy(lines->text + lines->used, text.at, text.size);
    lines->used += text.size;
}

static int add_line(struct lines *lines, const char *key, const char *value, size_t most)
{
    struct ps_span k = {key, strlen(key)}, v = {value, strnlen(value, most)};
    int status = ps_proxy_take(&lines->reader, k, v);

    if (status != 0)
        return status;
    append(lines, k);
    append(lines, (struct ps_span){": ", 2});
    append(lines, v);
    append(lines, (struct ps_span){"\n", 1});
    return 0;
}

static int add_text(struct lines *lines, const char *key, const char *value, size_t most)
{
    return value[0] == '\0' ? 0 : add_line(lines, key, value, most);
}

static int add_number(struct lines *lines, const char *key, uint64_t number, bool is_given)
{
    char value[24];

    if (!is_given)
        return 0;
    snprintf(value, sizeof(value), "%" PRIu64, number);
    return add_line(lines, key, value, sizeof(value));
}

static int add_extra(struct lines *lines, const char *extra, size_t most)
{
    const char *at = extra, *end = extra + strnlen(extra, most);
    int status = 0;

    while (status == 0 && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        if (newline == NULL)
            return ps_proxy_fail(&lines->reader, PS_E_INVALID,
                                 "the last line of extra does not end");
        status = ps_proxy_take_line(&lines->reader, (struct ps_span){at, (size_t)(newline - at)});
        at = newline + 1;
    }
    if (status == 0)
        append(lines, (struct ps_span){extra, (size_t)(end - extra)});
    return status;
}

/* Writes the lines, without a closing NUL, to lines->text. */
static int make_lines(struct lines *lines, const struct ps_proxy *proxy, bool needs_size,
                      struct ps_error *err)
{
    struct ps_proxy scratch;
    int status;

    ps_proxy_reader_start(&lines->reader, &scratch, err);
    lines->used = 0;
    status = add_text(lines, "object", proxy->object, sizeof(proxy->object));
    if (status == 0)
        status = add_number(lines, "size", proxy->size, proxy->has_size);
    if (status == 0)
        status = add_number(lines, "offset", proxy->offset, ps_proxy_is_part(proxy));
    if (status == 0)
        status = add_text(lines, "version", proxy->version, sizeof(proxy->version));
    if (status == 0)
        status = add_text(lines, "digest", proxy->digest, sizeof(proxy->digest));
    if (status == 0)
        status = add_text(lines, "store", proxy->store, sizeof(proxy->store));
    if (status == 0)
        status = add_extra(lines, proxy->extra, sizeof(proxy->extra));
    return status ? status : ps_proxy_take_end(&lines->reader, needs_size);
}

/* Adds text to a URI of used bytes so far. Returns the new length, or one >= size. */
static size_t uri_add(char *uri, size_t size, size_t used, const char *text)
{
    size_t length = strlen(text);

    if (used >= size || size - used <= length)
        return size;
    memcpy(uri + used, text, length + 1);
    return used + length;
}

static size_t uri_add_encoded(char *uri, size_t size, size_t used, const char *text)
{
    if (used >= size || ps_url_encode(uri + used, size - used, text, NULL) < 0)
        return size;
    return used + strlen(uri + used);
}

PS_API int ps_proxy_format(const struct ps_proxy *proxy, char *text, size_t size,
                           struct ps_error *err)
{
    /* what is longer than a proxy file would not be read again */
    const size_t most = size <= PS_PROXY_FILE_SIZE ? size : PS_PROXY_FILE_SIZE + 1;
    const char *separator = "#";
    char buffer[LINES_MAX + 1];
    struct lines lines = {.text = buffer};
    size_t used;
    char *at;
    int status;

    ps_error_clear(err);
    status = make_lines(&lines, proxy, false, err);
    if (status != 0)
        return status;
    lines.text[lines.used] = '\0';
    used = uri_add(text, most, 0, proxy->object);
    for (at = strchr(lines.text, '\n') + 1; *at != '\0'; separator = "&") {
        char *key = at, *value = strchr(at, ':');

        at = strchr(value, '\n') + 1;
        at[-1] = value[0] = '\0';
        used = uri_add(text, most, used, separator);
        used = uri_add(text, most, used, key);
        used = uri_add(text, most, used, "=");
        used = uri_add_encoded(text, most, used, value + 2);
    }
    if (used >= most)
        return ps_error_set(err, PS_E_INVALID, 0, "proxy: its URI does not fit into %zu bytes",
                            most);
    return 0;
}

PS_API int ps_proxy_format_file(const struct ps_proxy *proxy, char *text, struct ps_error *err)
{
    struct lines lines = {.text = text + PS_PROXY_MAGIC_SIZE};
    int status;

    ps_error_clear(err);
    status = make_lines(&lines, proxy, true, err);
    if (status != 0)
        return status;
    memcpy(text, PS_PROXY_MAGIC, PS_PROXY_MAGIC_SIZE);
    memset(lines.text + lines.used, '\n', LINES_MAX - lines.used);
    return 0;
}

/*
 * proxy_parse.h: the function in which both spellings of a proxy end
 *
 * A reader takes one key and one value at a time; the writers run their
 * proxy through one too, so that they write nothing that would not be read.
 */
#ifndef PS_PROXY_PARSE_H
#define PS_PROXY_PARSE_H

#include <stdbool.h>

#include <ps/proxy.h>

struct ps_span {
    const char *at;
    size_t size;
};

/* For "%.*s": quoted text in a message is cut, so that the message keeps its end. */
#define PS_QUOTE(span) (int)((span).size < 60 ? (span).size : 60), (span).at

struct ps_proxy_reader {
    struct ps_proxy *out; /* zeroed by ps_proxy_reader_start */
    struct ps_error *err;
    unsigned line; /* of a proxy file, for messages; 0: not in one */
    unsigned seen; /* a bit for each known key that was taken */
    size_t extra;  /* bytes used of out->extra */
};

void ps_proxy_reader_start(struct ps_proxy_reader *reader, struct ps_proxy *out,
                           struct ps_error *err);

/* ps_proxy_fail: record an error and the place it was met; returns code */
int ps_proxy_fail(struct ps_proxy_reader *reader, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ps_proxy_take: one key with its value, both as they are meant, not encoded */
int ps_proxy_take(struct ps_proxy_reader *reader, struct ps_span key, struct ps_span value);

/* ps_proxy_take_line: "key: value" */
int ps_proxy_take_line(struct ps_proxy_reader *reader, struct ps_span line);

/* ps_proxy_take_end: all keys were taken; do they make a proxy? */
int ps_proxy_take_end(struct ps_proxy_reader *reader, bool needs_size);

/* ps_proxy_is_part: is the object only a part of what is stored under its key? */
static inline bool ps_proxy_is_part(const struct ps_proxy *proxy)
{
    return proxy->has_offset || proxy->offset != 0;
}

/* ps_proxy_scheme_size: the length of a leading "scheme", where "://" follows; 0 when none does */
size_t ps_proxy_scheme_size(struct ps_span uri);

/* ps_proxy_check_object: is it the URI of an object, as a proxy may name it? */
int ps_proxy_check_object(struct ps_proxy_reader *reader, struct ps_span object);

/* ps_proxy_has_magic: does text begin as a proxy file of any format version does? */
bool ps_proxy_has_magic(const char *text, size_t length);

#endif

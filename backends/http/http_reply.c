/* http_reply.c: see http.h */
#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* The value of the header with that name; NULL: it is another one. */
static const char *value_of(const char *line, const char *name)
{
    size_t size = strlen(name);

    if (strncasecmp(line, name, size) != 0 || line[size] != ':')
        return NULL;
    line += size + 1;
    return line + strspn(line, " \t");
}

/* Only digits, as a number; false: anything else. *end: behind them */
static bool read_number(uint64_t *number, const char *at, const char **end)
{
    const char *begin = at;
    uint64_t value = 0;

    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
            return false;
    *number = value;
    *end = at;
    return at > begin;
}

/* "bytes 0-99/1000", with "*" for what is not known: RFC 9110, 14.4 */
static void read_range(struct http_reply *reply, const char *at)
{
    uint64_t first = PS_SIZE_UNKNOWN, last = PS_SIZE_UNKNOWN, size = PS_SIZE_UNKNOWN;

    if (strncasecmp(at, "bytes ", 6) != 0)
        return;
    at += 6;
    if (*at == '*')
        at++;
    else if (!read_number(&first, at, &at) || *at++ != '-' || !read_number(&last, at, &at))
        return;
    if (*at++ != '/' || (*at != '*' && !read_number(&size, at, &at)))
        return;
    reply->first = first;
    reply->last = last;
    reply->size = size;
}

/* One that does not fit is none: what is cut off might be the part that changes. */
static void copy(char *out, size_t size, const char *text)
{
    if (strlen(text) < size)
        strcpy(out, text);
}

/* Those that are made of the sums of parts, "AbC=-3", are no sums of bytes. */
static void read_sum(struct http_reply *reply, const char *at)
{
    size_t kind = strcspn(at, ":");
    const char *text = at + kind + strspn(at + kind, ": \t");
    struct http_sum *sum = &reply->sum;

    if (strncasecmp(at, "type:", 5) == 0)
        reply->is_of_parts = strcasecmp(text, "COMPOSITE") == 0;
    if (kind >= sizeof(sum->kind) || strncasecmp(at, "type", kind) == 0 ||
        strlen(text) >= sizeof(sum->text) || strchr(text, '-') != NULL)
        return;
    snprintf(sum->kind, sizeof(sum->kind), "%.*s", (int)kind, at);
    strcpy(sum->text, text);
}

static void read_header(struct http_reply *reply, const char *line)
{
    static const char sums[] = "x-amz-checksum-";
    const char *value, *end;

    if (strncasecmp(line, sums, strlen(sums)) == 0) {
        read_sum(reply, line + strlen(sums));
    } else if ((value = value_of(line, "content-length")) != NULL) {
        if (!read_number(&reply->length, value, &end))
            reply->length = PS_SIZE_UNKNOWN;
    } else if ((value = value_of(line, "content-range")) != NULL) {
        read_range(reply, value);
    } else if ((value = value_of(line, "content-encoding")) != NULL) {
        reply->is_coded |= value[0] != '\0' && strcasecmp(value, "identity") != 0;
    } else if ((value = value_of(line, "etag")) != NULL) {
        copy(reply->tag, sizeof(reply->tag), value);
    } else if ((value = value_of(line, "last-modified")) != NULL) {
        copy(reply->date, sizeof(reply->date), value);
    } else if ((value = value_of(line, "x-amz-bucket-region")) != NULL) {
        copy(reply->region, sizeof(reply->region), value);
    } else if ((value = value_of(line, "date")) != NULL) {
        reply->now = curl_getdate(value, NULL);
    } else if ((value = value_of(line, "retry-after")) != NULL &&
               !read_number(&reply->after_s, value, &end)) {
        reply->after = curl_getdate(value, NULL);
    }
}

void http_reply_line(struct http_reply *reply, const char *line, size_t size)
{
    char text[4096];

    while (size > 0 && strchr("\r\n \t", line[size - 1]) != NULL)
        size--;
    if (size >= sizeof(text) || memchr(line, '\0', size) != NULL)
        return;
    memcpy(text, line, size);
    text[size] = '\0';
    if (strncmp(text, "HTTP/", 5) == 0) {
        *reply = (struct http_reply){
            .length = PS_SIZE_UNKNOWN,
            .first = PS_SIZE_UNKNOWN,
            .last = PS_SIZE_UNKNOWN,
            .size = PS_SIZE_UNKNOWN,
        };
        reply->status = strtol(text + strcspn(text, " "), NULL, 10);
    } else {
        reply->is_whole |= size == 0; /* the empty line; lines that follow are behind a body */
        read_header(reply, text);
    }
}

const char *http_reply_version(const struct http_reply *reply)
{
    return reply->tag[0] != '\0' ? reply->tag : reply->date;
}

/* A weak tag ("W/...") never matches: RFC 9110, 13.1.1. The reply's own is compared then. */
void http_condition(char header[HTTP_TEXT_MAX], const char *version)
{
    header[0] = '\0';
    if (version[0] == '"')
        snprintf(header, HTTP_TEXT_MAX, "If-Match: %s", version);
    else if (version[0] != '\0' && strncmp(version, "W/", 2) != 0)
        snprintf(header, HTTP_TEXT_MAX, "If-Unmodified-Since: %s", version);
}

void http_element(char *out, size_t size, const char *text, const char *name)
{
    char begin[32];
    const char *at, *end;

    snprintf(begin, sizeof(begin), "<%s>", name);
    at = strstr(text, begin);
    end = at != NULL ? strchr(at + strlen(begin), '<') : NULL;
    out[0] = '\0';
    if (end != NULL && (size_t)(end - at) < size)
        snprintf(out, size, "%.*s", (int)(end - at - (long)strlen(begin)), at + strlen(begin));
}

/* Seconds, as a server that is asked too often says them; 0: it says nothing, or what is over. */
static uint64_t ask_again_in(const struct http_reply *reply)
{
    const uint64_t longest = 86400;
    time_t now = reply->now > 0 ? reply->now : time(NULL);
    uint64_t wait = reply->after > now ? (uint64_t)(reply->after - now) : reply->after_s;

    if (reply->status != 429 && reply->status != 503)
        return 0;
    return wait < longest ? wait : longest;
}

int http_refusal(const struct http_reply *reply, const char *key, struct ps_error *err)
{
    static const struct {
        long status;
        int code;
        const char *meaning;
    } known[] = {
        {401, PS_E_REFUSED, "a user and password are wanted, or a token"},
        {403, PS_E_REFUSED, "forbidden"},
        {404, PS_E_NOT_FOUND, "not there"},
        {407, PS_E_REFUSED, "the HTTP proxy wants a user and password"},
        {408, PS_E_UNAVAILABLE, "the server is late"},
        {410, PS_E_NOT_FOUND, "no longer there"},
        {412, PS_E_STALE, "another version now"},
        {416, PS_E_STALE, "shorter now"},
        {425, PS_E_UNAVAILABLE, "the server is not ready"},
        {429, PS_E_UNAVAILABLE, "the server is asked too often"},
    };
    int code = reply->status >= 500 ? PS_E_UNAVAILABLE : PS_E_SYSTEM;
    const char *meaning = reply->status >= 500 ? "the server has failed" : "not to be had";
    char why[64], when[64] = "";
    uint64_t wait = ask_again_in(reply);

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].status == reply->status) {
            code = known[i].code;
            meaning = known[i].meaning;
        }
    http_element(why, sizeof(why), reply->page, "Code"); /* as S3 says it */
    if (wait > 0) {
        ps_backend_retry_after(wait * 1000000000);
        snprintf(when, sizeof(when), ", to be asked again in %u s", (unsigned)wait);
    }
    return ps_error_set(err, code, 0, "'%.100s': %s (HTTP status %ld%s%s%s)", key, meaning,
                        reply->status, why[0] != '\0' ? ", " : "", why, when);
}

int http_reply_check(const struct http_reply *reply, const struct ps_object_info *expected,
                     const char *key, struct ps_error *err)
{
    const char *version = expected->version;
    uint64_t size = reply->status == 206 ? reply->size : reply->length;
    /* whichever of them it was named by when the proxy was made */
    bool is_same =
        version[0] == '\0' || strcmp(version, reply->tag) == 0 || strcmp(version, reply->date) == 0;

    if (reply->is_coded)
        return ps_error_set(err, PS_E_CORRUPT, 0, "'%.100s' comes compressed, though not asked for",
                            key);
    if (!is_same)
        return ps_error_set(err, PS_E_STALE, 0, "'%.60s' is version '%.50s' now, not '%.50s'", key,
                            http_reply_version(reply), version);
    if (size != PS_SIZE_UNKNOWN && expected->size != PS_SIZE_UNKNOWN && size != expected->size)
        return ps_error_set(err, PS_E_STALE, 0, "'%.100s' has %llu bytes now, not %llu", key,
                            (unsigned long long)size, (unsigned long long)expected->size);
    return 0;
}

/*
 * s3_json.c: see s3_json.h
 *
 * One way through the text, which may be anything: each function gets a place
 * in it, and returns the one behind what it took, or NULL where that is not there.
 */
#include "s3_json.h"

#include <string.h>

/* Of "\uXXXX". What is not of ASCII is no letter of a credential or a time: DEL stands for it. */
static char hex_letter(const char *at)
{
    unsigned value = 0;

    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *digit = at[i] != '\0' ? strchr(digits, at[i]) : NULL;

        if (digit == NULL)
            return '\0';
        value = value * 16 + (unsigned)(digit - digits) % 16;
    }
    return value > 0 && value < 128 ? (char)value : 127;
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

static const char *take_letter(char *letter, const char *at)
{
    static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";

    if (*at != '\\') {
        *letter = *at;
        return (unsigned char)*at < ' ' ? NULL : at + 1;
    }
    at++;
    if (*at == 'u') {
        *letter = hex_letter(at + 1);
        return *letter != '\0' ? at + 5 : NULL;
    }
    for (const char *escape = escapes; *escape != '\0'; escape += 2)
        if (*escape == *at) {
            *letter = escape[1];
            return at + 1;
        }
    return NULL;
}

/* "text" into out, as far as it fits; *length: of all of it. */
static const char *take_text(char *out, size_t size, size_t *length, const char *at)
{
    size_t used = 0;

    if (*at++ != '"')
        return NULL;
    while (at != NULL && *at != '"') {
        char letter = '\0';

        at = take_letter(&letter, at);
        if (used < size)
            out[used] = letter;
        used++;
    }
    *length = used;
    return at != NULL ? at + 1 : NULL;
}

/* Any value. What is nested is only counted: a text in it is one, whatever it has in it. */
static const char *skip_value(const char *at)
{
    size_t depth = 0, length;

    do {
        at = skip_blanks(at);
        if (*at == '"') {
            at = take_text(NULL, 0, &length, at);
            if (at == NULL)
                return NULL;
        } else if (*at == '{' || *at == '[') {
            depth++;
            at++;
        } else if (*at == '}' || *at == ']') {
            if (depth-- == 0)
                return NULL;
            at++;
        } else if (depth > 0 && (*at == ',' || *at == ':')) {
            at++;
        } else {
            length = strcspn(at, ",:{}[]\" \t\r\n");
            if (length == 0)
                return NULL;
            at += length;
        }
    } while (depth > 0);
    return at;
}

/* At a value: is it a text that fits? */
static bool keep_text(char *out, size_t size, const char *at)
{
    size_t length;
    bool fits = take_text(out, size, &length, at) != NULL && length < size;

    out[fits ? length : 0] = '\0';
    return fits;
}

bool s3_json_text(char *out, size_t size, const char *json, const char *name)
{
    const char *at = skip_blanks(json);
    size_t wanted = strlen(name), length;
    char found[64];

    out[0] = '\0';
    if (*at != '{')
        return false;
    do {
        at = take_text(found, sizeof(found), &length, skip_blanks(at + 1));
        if (at == NULL || *(at = skip_blanks(at)) != ':')
            return false;
        at = skip_blanks(at + 1);
        if (length == wanted && length <= sizeof(found) && memcmp(found, name, length) == 0)
            return keep_text(out, size, at);
        at = skip_value(at);
        if (at == NULL)
            return false;
        at = skip_blanks(at);
    } while (*at == ',');
    return false;
}

/* text.c: messages, options and numbers as psctl writes them */
#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#include "psctl.h"

static void print_message(const char *format, va_list arguments)
{
    char line[4096];

    vsnprintf(line, sizeof(line), format, arguments);
    fputs("psctl: ", stderr);
    print_clean(stderr, line);
}

int fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_message(format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return STATUS_FAILED;
}

int usage(const struct command *self, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_message(format, arguments);
    va_end(arguments);
    fprintf(stderr, "; see psctl %s --help\n", self->name);
    return STATUS_USAGE;
}

int bad_option(const struct command *self, int answer, char **argv)
{
    const char *text = argv[optind - 1];

    if (answer == ':')
        return usage(self, "%s needs a value", text);
    /* getopt names a short option that it doesn't know, as its argument may hold several */
    if (optopt != 0 && strncmp(text, "--", 2) != 0)
        return usage(self, "unknown option -%c", optopt);
    return usage(self, "unknown option %s", text);
}

const char *one_operand(const struct command *self, int argc, char **argv, int *status)
{
    if (argc - optind == 1 && argv[optind][0] != '\0')
        return argv[optind];
    if (argc - optind > 1)
        *status = usage(self, "%s: one argument too many", argv[optind + 1]);
    else
        *status =
            usage(self, "%s: an argument is %s", self->name, argc > optind ? "empty" : "missing");
    return NULL;
}

int show_help(const struct command *self)
{
    printf("usage: psctl %s\n\n%s", self->synopsis, self->help);
    return STATUS_OK;
}

const char *human_size(uint64_t bytes, char *text, size_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    unsigned unit = 0;

    /* 1023.95 would be printed as 1024.0 of the smaller unit */
    while (value >= 1023.95 && unit < 6) {
        value /= 1024;
        unit++;
    }
    snprintf(text, size, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text;
}

const char *human_time(uint64_t ns, char *text, size_t size)
{
    if (ns < 1000)
        snprintf(text, size, "%u ns", (unsigned)ns);
    else if (ns < 1000000)
        snprintf(text, size, "%.1f us", (double)ns / 1e3);
    else if (ns < 1000000000)
        snprintf(text, size, "%.1f ms", (double)ns / 1e6);
    else
        snprintf(text, size, "%.2f s", (double)ns / 1e9);
    return text;
}

void print_clean(FILE *stream, const char *text)
{
    for (; *text != '\0'; text++)
        fputc((unsigned char)*text < ' ' || *text == 127 ? '?' : *text, stream);
}

/* utf8_length: bytes of the character at text, or 0 where there is none */
static int utf8_length(const unsigned char *text)
{
    /* the second byte's range keeps out overlong forms, surrogates and what is above U+10FFFF */
    unsigned low = 0x80, high = 0xbf;
    int length;

    if (text[0] < 0x80)
        return 1;
    if (text[0] < 0xc2 || text[0] > 0xf4)
        return 0;
    length = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (text[0] == 0xe0)
        low = 0xa0;
    else if (text[0] == 0xed)
        high = 0x9f;
    else if (text[0] == 0xf0)
        low = 0x90;
    else if (text[0] == 0xf4)
        high = 0x8f;
    if (text[1] < low || text[1] > high)
        return 0;
    for (int i = 2; i < length; i++)
        if (text[i] < 0x80 || text[i] > 0xbf)
            return 0;
    return length;
}

void json_string(FILE *stream, const char *text)
{
    const unsigned char *c = (const unsigned char *)text;

    fputc('"', stream);
    while (*c != '\0') {
        int length = utf8_length(c);

        if (length == 0) {
            fputs("\\ufffd", stream);
            length = 1;
        } else if (*c == '"' || *c == '\\') {
            fprintf(stream, "\\%c", *c);
        } else if (*c < ' ' || *c == 127) {
            fprintf(stream, "\\u%04x", *c);
        } else {
            fwrite(c, 1, (size_t)length, stream);
        }
        c += length;
    }
    fputc('"', stream);
}

void json_field(const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    printf(", \"%s\": ", name);
    json_string(stdout, value);
}

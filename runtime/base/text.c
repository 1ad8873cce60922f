/* text.c: see text.h */
#include "base/text.h"

void ps_text_add(struct ps_text *text, const char *string)
{
    while (*string != '\0' && text->at + 1 < text->end)
        *text->at++ = *string++;
    *text->at = '\0';
}

static void add_digits(struct ps_text *text, uint64_t number, unsigned base)
{
    char digits[24];
    char *first = digits + sizeof(digits) - 1;

    *first = '\0';
    do {
        *--first = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    ps_text_add(text, first);
}

void ps_text_number(struct ps_text *text, uint64_t number)
{
    add_digits(text, number, 10);
}

void ps_text_hex(struct ps_text *text, uint64_t number)
{
    ps_text_add(text, "0x");
    add_digits(text, number, 16);
}

static char *fd_path(char *buffer, const char *folder, int thread, int fd)
{
    struct ps_text text = ps_text_begin(buffer, PS_FD_PATH);

    ps_text_add(&text, folder);
    if (thread > 0)
        ps_text_number(&text, (uint64_t)thread);
    ps_text_add(&text, "/fd/");
    ps_text_number(&text, (uint64_t)fd);
    return buffer;
}

char *ps_fd_path(char *buffer, int fd)
{
    return fd_path(buffer, "/proc/self", 0, fd);
}

char *ps_fd_path_of(char *buffer, int thread, int fd)
{
    return fd_path(buffer, "/proc/", thread, fd);
}

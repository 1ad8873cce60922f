/* text.h: building short texts where printf may not be called; all of it is safe in a handler */
#ifndef PS_TEXT_H
#define PS_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct ps_text {
    char *at;  /* where the next byte goes; always room for a NUL */
    char *end; /* one past the buffer */
};

/* ps_text_begin: an empty text in a buffer of size bytes (at least 1) */
static inline struct ps_text ps_text_begin(char *buffer, size_t size)
{
    buffer[0] = '\0';
    return (struct ps_text){buffer, buffer + size};
}

/* Each adds to the text, cut where the buffer ends, with a NUL behind it. */
void ps_text_add(struct ps_text *text, const char *string);
void ps_text_number(struct ps_text *text, uint64_t number);
void ps_text_hex(struct ps_text *text, uint64_t number);

/* ps_text_to_number: the number that a text begins with, as names in /proc do */
static inline int ps_text_to_number(const char *text)
{
    int number = 0;

    for (; *text >= '0' && *text <= '9'; text++)
        number = number * 10 + (*text - '0');
    return number;
}

enum { PS_FD_PATH = 40 };

/* ps_fd_path: "/proc/self/fd/N" into a buffer of PS_FD_PATH bytes; returns the buffer */
char *ps_fd_path(char *buffer, int fd);

/*
 * ps_fd_path_of: the same, as the thread with that number has it
 *
 * Other threads may have other descriptors: those of a vforked child, and
 * those that called unshare(CLONE_FILES).
 */
char *ps_fd_path_of(char *buffer, int thread, int fd);

#endif

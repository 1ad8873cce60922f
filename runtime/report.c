/* report.c: see report.h. Runs in signal handlers: no stdio, no allocation. */
#include "report.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/sys.h"
#include "base/text.h"

enum { LINE = 1024 };

static void finish(struct ps_text *text, char *line)
{
    ps_text_add(text, " [");
    ps_text_add(text, program_invocation_short_name);
    ps_text_add(text, ", pid ");
    ps_text_number(text, (uint64_t)sys_getpid());
    ps_text_add(text, "]\n");
    /* cut or not, it is one line; names and proxies must not reach a terminal as they are */
    text->at[-1] = '\n';
    for (char *c = text->at - 2; c >= line; c--)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    sys_write(2, line, (size_t)(text->at - line)); /* one call: lines of threads don't mix */
}

/* A program that reads on after an error would print the same line for ever. */
static bool is_repeated(const struct ps_image *image, uint64_t offset, int code)
{
    static _Atomic uint64_t last;
    uint64_t now = ((uint64_t)(uintptr_t)image * 31 + offset) * 31 + (uint64_t)(unsigned)code;

    return atomic_exchange(&last, now) == now;
}

static void begin(struct ps_text *text, const struct ps_image *image, uint64_t offset,
                  uint64_t size, const struct ps_error *error)
{
    uint64_t whole = ps_image_size(image);

    ps_text_add(text, "libps: ");
    ps_text_add(text, image->proxy->object);
    ps_text_add(text, ": can't fetch bytes ");
    ps_text_number(text, offset);
    ps_text_add(text, " to ");
    ps_text_number(text, offset + size < whole ? offset + size : whole);
    ps_text_add(text, ": ");
    ps_text_add(text, error->message);
}

void ps_report_touch(const struct ps_image *image, uint64_t offset, uint64_t size,
                     const struct ps_error *error, uintptr_t address, uintptr_t instruction)
{
    char line[LINE];
    struct ps_text text = ps_text_begin(line, sizeof(line));

    if (is_repeated(image, offset, error->code))
        return;
    begin(&text, image, offset, size, error);
    ps_text_add(&text, "; memory touched at ");
    ps_text_hex(&text, address);
    if (instruction != 0) {
        ps_text_add(&text, " by the instruction at ");
        ps_text_hex(&text, instruction);
    }
    finish(&text, line);
}

void ps_report_call(const struct ps_image *image, uint64_t offset, uint64_t size,
                    const struct ps_error *error, const char *call, int fd)
{
    char line[LINE];
    struct ps_text text = ps_text_begin(line, sizeof(line));

    if (is_repeated(image, offset, error->code))
        return;
    begin(&text, image, offset, size, error);
    ps_text_add(&text, "; touched by ");
    ps_text_add(&text, call);
    if (fd >= 0) {
        ps_text_add(&text, " of descriptor ");
        ps_text_number(&text, (uint64_t)fd);
    }
    finish(&text, line);
}

void ps_report_open(const char *name, const struct ps_error *error, const char *call)
{
    char line[LINE];
    struct ps_text text = ps_text_begin(line, sizeof(line));

    ps_text_add(&text, "libps: ");
    if (name != NULL) {
        ps_text_add(&text, name);
        ps_text_add(&text, ": ");
    }
    ps_text_add(&text, error->message);
    ps_text_add(&text, "; in ");
    ps_text_add(&text, call);
    finish(&text, line);
}

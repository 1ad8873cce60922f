/* report.c: see report.h. Runs in signal handlers: no stdio, no allocation. */
#include "report.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "base/sys.h"
#include "base/text.h"
#include "callers.h"
#include "try.h"
#include "where.h"

enum { LINE = 1024, NAME = 400 /* of it at most */ };

/* Which file is the program's standard error; both 0: none was there when it began. */
static _Atomic uint64_t stderr_device, stderr_inode;
static _Atomic bool is_known;

__attribute__((constructor)) void ps_report_to(void)
{
    struct stat st = {0};

    sys_fstat(2, &st);
    atomic_store(&stderr_device, st.st_dev);
    atomic_store(&stderr_inode, st.st_ino);
    atomic_store(&is_known, true);
}

bool ps_report_is_heard(void)
{
    struct stat st;

    if (!atomic_load(&is_known)) /* in a constructor that ran before */
        ps_report_to();
    return sys_fstat(2, &st) == 0 && st.st_dev == atomic_load(&stderr_device) &&
           st.st_ino == atomic_load(&stderr_inode);
}

/*
 * A pipe that nobody reads raises SIGPIPE, a file at RLIMIT_FSIZE SIGXFSZ, in
 * this thread; both end the program by default. They are taken back, but for
 * one that was pending before: that is the program's.
 */
void ps_report_writev(int fd, const struct iovec *parts, int count)
{
    const uint64_t sigpipe = UINT64_C(1) << (SIGPIPE - 1), xfsz = UINT64_C(1) << (SIGXFSZ - 1);
    uint64_t both = sigpipe | xfsz, before = 0, raised, mask;
    struct timespec now = {0, 0};
    ssize_t put;

    sys_sigmask(SIG_BLOCK, &both, &mask);
    sys_call3(SYS_rt_sigpending, &before, sizeof(before), 0);
    put = sys_call3(SYS_writev, fd, parts, count); /* one call: lines of threads don't mix */
    raised = (put == -EPIPE ? sigpipe : put == -EFBIG ? xfsz : 0) & ~before;
    if (raised != 0)
        sys_call6(SYS_rt_sigtimedwait, (long)&raised, 0, (long)&now, sizeof(raised), 0, 0);
    sys_sigmask(SIG_SETMASK, &mask, NULL);
}

void ps_report_write(int fd, const char *line, size_t size)
{
    const struct iovec whole = {(void *)(uintptr_t)line, size};

    ps_report_writev(fd, &whole, 1);
}

/* Of a long name both ends, as what comes behind it must be seen. */
static void add_name(struct ps_text *text, const char *name)
{
    char begin[NAME / 2 + 1];
    size_t length = strlen(name);

    if (length > NAME) {
        memcpy(begin, name, NAME / 2);
        begin[NAME / 2] = '\0';
        ps_text_add(text, begin);
        ps_text_add(text, "...");
        name += length - NAME / 2;
    }
    ps_text_add(text, name);
}

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
    ps_report_write(2, line, (size_t)(text->at - line));
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
    add_name(text, image->proxy->object);
    ps_text_add(text, ": can't fetch bytes ");
    ps_text_number(text, offset);
    ps_text_add(text, " to ");
    ps_text_number(text, offset + size < whole ? offset + size : whole);
    ps_text_add(text, ": ");
    ps_text_add(text, error->message);
}

void ps_report_touch(const struct ps_image *image, uint64_t offset, uint64_t size,
                     const struct ps_error *error, uintptr_t address,
                     const struct ps_registers *registers)
{
    if (!ps_try_is_entered())
        ps_report_fault(image, offset, size, error, address, registers);
}

void ps_report_fault(const struct ps_image *image, uint64_t offset, uint64_t size,
                     const struct ps_error *error, uintptr_t address,
                     const struct ps_registers *registers)
{
    char line[LINE];
    struct ps_text text = ps_text_begin(line, sizeof(line));

    if (!ps_report_is_heard() || is_repeated(image, offset, error->code))
        return;
    begin(&text, image, offset, size, error);
    ps_text_add(&text, "; memory touched at ");
    ps_text_hex(&text, address);
    if (registers != NULL) {
        ps_where(&text, (uintptr_t)registers->value[PS_REGISTER_PC]);
        ps_callers(&text, registers, true);
    }
    finish(&text, line);
}

void ps_report_call(const struct ps_image *image, uint64_t offset, uint64_t size,
                    const struct ps_error *error, const char *call, int fd)
{
    char line[LINE];
    struct ps_text text = ps_text_begin(line, sizeof(line));
    struct ps_registers registers;

    if (!ps_report_is_heard() || is_repeated(image, offset, error->code))
        return;
    begin(&text, image, offset, size, error);
    ps_text_add(&text, "; touched by ");
    ps_text_add(&text, call);
    if (fd >= 0) {
        ps_text_add(&text, " of descriptor ");
        ps_text_number(&text, (uint64_t)fd);
    }
    ps_where_here(&registers);
    ps_callers(&text, &registers, false);
    finish(&text, line);
}

void ps_report_open(const char *name, const struct ps_error *error, const char *call)
{
    char line[LINE];
    struct ps_text text = ps_text_begin(line, sizeof(line));

    if (!ps_report_is_heard())
        return;
    ps_text_add(&text, "libps: ");
    if (name != NULL) {
        add_name(&text, name);
        ps_text_add(&text, ": ");
    }
    ps_text_add(&text, error->message);
    ps_text_add(&text, "; in ");
    ps_text_add(&text, call);
    finish(&text, line);
}

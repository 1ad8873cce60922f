/* where.c: see where.h */
#include "where.h"

#include <fcntl.h>
#include <string.h>
#include <ucontext.h>

#include "base/sys.h"

enum { NAME = 64 };

struct reader {
    int fd;
    unsigned at, size;
    char buffer[512];
};

static int next(struct reader *reader)
{
    ssize_t got;

    if (reader->at == reader->size) {
        got = sys_read(reader->fd, reader->buffer, sizeof(reader->buffer));
        if (got <= 0)
            return -1;
        reader->at = 0;
        reader->size = (unsigned)got;
    }
    return (unsigned char)reader->buffer[reader->at++];
}

/* A number of that base, and the character behind it */
static uint64_t number(struct reader *reader, unsigned base, int *behind)
{
    uint64_t value = 0;

    for (;;) {
        int c = *behind = next(reader);
        unsigned digit = c >= 'a' ? (unsigned)c - 'a' + 10 : (unsigned)c - '0';

        if (c < '0' || (c > '9' && c < 'a') || digit >= base)
            return value;
        value = value * base + digit;
    }
}

static void skip_word(struct reader *reader)
{
    int c;

    do
        c = next(reader);
    while (c != ' ' && c > 0);
}

/* The rest of the line, from behind its last slash on */
static void last_name(struct reader *reader, char *name)
{
    unsigned length = 0;

    for (int c = next(reader); c != '\n' && c > 0; c = next(reader)) {
        if (c == '/' || c == ' ')
            length = 0;
        else if (length < NAME - 1)
            name[length++] = (char)c;
    }
    name[length] = '\0';
}

/* The file that is mapped there, and where its first part is; lines are in order of addresses. */
static bool find_module(struct reader *maps, uintptr_t address, char *name, uintptr_t *base)
{
    uint64_t last_inode = 0;

    *base = 0;
    for (;;) {
        int behind;
        uintptr_t start = number(maps, 16, &behind), end;
        uint64_t inode;

        if (behind != '-')
            return false;
        end = number(maps, 16, &behind);
        skip_word(maps); /* rights, offset, device */
        skip_word(maps);
        skip_word(maps);
        inode = number(maps, 10, &behind);
        last_name(maps, name);
        if (inode == 0 || inode != last_inode)
            *base = start;
        last_inode = inode;
        if (address >= start && address < end)
            return inode != 0;
    }
}

void ps_where(struct ps_text *text, uintptr_t instruction)
{
    struct reader maps = {.fd = sys_openat(AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0)};
    char name[NAME];
    uintptr_t base;

    ps_text_add(text, " by the instruction at ");
    ps_text_hex(text, instruction);
    if (maps.fd < 0)
        return;
    if (find_module(&maps, instruction, name, &base)) {
        ps_text_add(text, " (");
        ps_text_add(text, name);
        ps_text_add(text, "+");
        ps_text_hex(text, instruction - base);
        ps_text_add(text, ")");
    }
    sys_close(maps.fd);
}

static void set(struct ps_registers *registers, int number, uint64_t value)
{
    registers->value[number] = value;
    registers->known |= UINT64_C(1) << number;
}

void ps_where_interrupted(struct ps_registers *registers, const void *context)
{
    const mcontext_t *of = &((const ucontext_t *)context)->uc_mcontext;

    registers->known = 0;
#if defined(__x86_64__)
    static const unsigned char order[PS_REGISTERS] = {
        REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
        REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};

    for (int i = 0; i < PS_REGISTERS; i++)
        set(registers, i, (uint64_t)of->gregs[order[i]]);
#elif defined(__aarch64__)
    for (int i = 0; i < PS_REGISTER_SP; i++)
        set(registers, i, of->regs[i]);
    set(registers, PS_REGISTER_SP, of->sp);
    set(registers, PS_REGISTER_PC, of->pc);
#endif
}

/* The number before *end, whose digits end there; *end is then the blank before it. */
static uint64_t last_number(const char *line, const char **end)
{
    const char *word = *end;
    uint64_t value = 0;

    while (word > line && word[-1] != ' ')
        word--;
    if (*end - word < 3 || word[0] != '0' || word[1] != 'x')
        return 0;
    for (const char *c = word + 2; c < *end; c++)
        value = value * 16 + (uint64_t)(*c <= '9' ? *c - '0' : *c - 'a' + 10);
    *end = word > line ? word - 1 : word;
    return value;
}

/* "-1 0x7ffd... 0x55...": stack and instruction; of a thread that runs, only "running" */
bool ps_where_blocked(struct ps_registers *registers, int thread)
{
    char path[64], line[256];
    struct ps_text name = ps_text_begin(path, sizeof(path));
    const char *end;
    uint64_t pc, sp;
    ssize_t got;
    int fd;

    ps_text_add(&name, "/proc/self/task/");
    ps_text_number(&name, (uint64_t)thread);
    ps_text_add(&name, "/syscall");
    fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return false;
    got = sys_pread(fd, line, sizeof(line) - 1, 0);
    sys_close(fd);
    line[got > 0 ? got : 0] = '\0';
    end = line + strcspn(line, "\n");
    pc = last_number(line, &end);
    sp = last_number(line, &end);
    registers->known = 0;
    set(registers, PS_REGISTER_PC, pc);
    set(registers, PS_REGISTER_SP, sp);
    return pc != 0;
}

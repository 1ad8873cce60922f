/* where.c: see where.h */
#include "where.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "base/sys.h"
#include "base/valgrind.h"
#include "library.h"
#include "where/where_module.h"
#include "work.h"

enum { NAMES = 400, PATIENCE_MS = 500 };

/*
 * One question at a time, in memory that stays: a worker that is late, as the
 * asking thread held what the loader needs, writes here still. Then nobody asks
 * any more.
 */
static struct question {
    struct ps_call call; /* first: it is what a worker gets */
    ucontext_t context;
    char names[NAMES];
} question;
static _Atomic uint32_t is_taken;

static int answer(struct ps_call *call)
{
    static ps_where_names_function *names;
    struct question *asked = (struct question *)call;
    char folder[PATH_MAX], path[PATH_MAX + 32];
    struct ps_text text = ps_text_begin(path, sizeof(path));
    struct ps_error err = {0};
    void *module;

    if (names == NULL && ps_library_folder(folder, sizeof(folder), &err) == 0) {
        ps_text_add(&text, folder);
        ps_text_add(&text, "/libps-where.so");
        module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (module != NULL)
            *(void **)&names = dlsym(module, "ps_where_names");
    }
    if (names == NULL)
        return PS_E_UNSUPPORTED;
    names(&asked->context, asked->names, sizeof(asked->names));
    return 0;
}

bool ps_where(struct ps_text *text, const ucontext_t *context)
{
    uint32_t free = 0;
    bool found;

    /* libunwind looks at all of a stack, and memcheck complains about what nobody has written */
    if (ps_in_valgrind())
        return false;
    if (!atomic_compare_exchange_strong(&is_taken, &free, 1))
        return false;
    /* without what the kernel's is too short for */
    memcpy(&question.context, context,
           offsetof(ucontext_t, uc_mcontext) + sizeof(context->uc_mcontext));
    question.names[0] = '\0';
    if (!ps_work_ask(&question.call, answer, PATIENCE_MS))
        return false;
    found = question.names[0] != '\0';
    if (found) {
        ps_text_add(text, " in ");
        ps_text_add(text, question.names);
    }
    atomic_store(&is_taken, 0);
    return found;
}

static uintptr_t read_hex(const char *text)
{
    uintptr_t value = 0;

    for (text += 2; *text != '\0' && strchr("0123456789abcdef", *text) != NULL; text++)
        value = value * 16 + (uintptr_t)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
    return value;
}

/* The line ends with the stack pointer and the instruction: " 0x7ffd... 0x55..." */
bool ps_where_blocked(ucontext_t *context, int thread)
{
    char path[64], line[256], *instruction, *stack = NULL;
    struct ps_text name = ps_text_begin(path, sizeof(path));
    ssize_t got;
    int fd;

    ps_text_add(&name, "/proc/self/task/");
    ps_text_number(&name, (uint64_t)thread);
    ps_text_add(&name, "/syscall");
    fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    got = fd < 0 ? fd : sys_pread(fd, line, sizeof(line) - 1, 0);
    if (fd >= 0)
        sys_close(fd);
    line[got > 0 ? got : 0] = '\0';
    instruction = strrchr(line, ' ');
    if (instruction != NULL) {
        *instruction++ = '\0';
        stack = strrchr(line, ' ');
    }
    if (stack == NULL || strncmp(++stack, "0x", 2) != 0 || strncmp(instruction, "0x", 2) != 0)
        return false; /* "running" */
    memset(context, 0, sizeof(*context));
#if defined(__x86_64__)
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)read_hex(instruction);
    context->uc_mcontext.gregs[REG_RSP] = (greg_t)read_hex(stack);
#elif defined(__aarch64__)
    context->uc_mcontext.pc = read_hex(instruction);
    context->uc_mcontext.sp = read_hex(stack);
#endif
    return true;
}

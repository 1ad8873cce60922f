/* callers_find.c: what a worker does for callers.c, one at a time */
#include "callers.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/sys.h"
#include "module.h"
#include "region.h"

enum { FRAMES = 32, NAMES = 6, FRESH_MS = 1000 };

/* All of it only while a request is taken: see callers.c */
static const struct ps_unwind *unwind;
static bool is_tried;
static void *space; /* what was mapped at that time */
static uint64_t space_ms;

static const struct ps_unwind *load(void)
{
    ps_unwind_init_function *init = NULL;
    const struct ps_unwind *found;
    char path[PATH_MAX];
    void *library;

    if (ps_module_path(path, sizeof(path), "libps-unwind.so", NULL) < 0)
        return NULL;
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library != NULL)
        *(void **)&init = dlsym(library, PS_UNWIND_INIT);
    found = init != NULL ? init() : NULL;
    return found != NULL && found->api == PS_UNWIND_API && found->struct_size >= sizeof(*found)
               ? found
               : NULL;
}

/* Programs load and unload libraries; a list of all mappings may be long. */
static bool find_space(void)
{
    FILE *maps;

    if (!is_tried)
        unwind = load();
    is_tried = true;
    if (unwind == NULL || (space != NULL && ps_now_ms() - space_ms < FRESH_MS))
        return unwind != NULL;
    maps = fopen("/proc/self/maps", "re");
    if (maps == NULL)
        return false;
    if (space != NULL)
        unwind->close(space);
    space = unwind->open(maps);
    space_ms = ps_now_ms();
    fclose(maps);
    return space != NULL;
}

static bool is_lazy(uintptr_t address, size_t size)
{
    struct ps_region region;

    if (!ps_region_near(address, size) || !ps_region_next(address, address + size, &region))
        return false;
    ps_image_put(region.image);
    return true;
}

/* By the kernel, which tells of an address that is none; a worker may not touch lazy memory. */
static bool read_word(const struct ps_stack *stack, uint64_t address, uint64_t *word)
{
    struct iovec to = {word, sizeof(*word)};
    struct iovec from = {(void *)(uintptr_t)address, sizeof(*word)};

    (void)stack;
    return !is_lazy((uintptr_t)address, sizeof(*word)) &&
           sys_call6(SYS_process_vm_readv, sys_getpid(), (long)&to, 1, (long)&from, 1, 0) ==
               (long)sizeof(*word);
}

static bool is_libc(const char *module)
{
    return strncmp(module, "libc.so", 7) == 0 || strncmp(module, "libc-2", 6) == 0;
}

static void add_code(struct ps_text *text, const struct ps_frame *code)
{
    if (code->function[0] == '\0') {
        ps_text_add(text, code->module);
        ps_text_add(text, "+");
        ps_text_hex(text, code->offset);
        return;
    }
    ps_text_add(text, code->function);
    if (code->file[0] == '\0')
        return;
    ps_text_add(text, " (");
    ps_text_add(text, code->file);
    ps_text_add(text, ":");
    ps_text_number(text, (uint64_t)code->line);
    ps_text_add(text, ")");
}

static void add_all(struct ps_text *text, const uint64_t *frames, unsigned count, bool placed)
{
    struct ps_frame own, code;
    unsigned names = 0;

    unwind->describe(space, (uintptr_t)ps_callers_find, &own);
    for (unsigned i = 0; i < count && names < NAMES; i++) {
        unwind->describe(space, frames[i], &code);
        if (code.module[0] == '\0' || strcmp(code.module, own.module) == 0 || is_libc(code.module))
            continue;
        if (i > 0 || !placed || code.function[0] != '\0') {
            ps_text_add(text, i == 0 || (names == 0 && !placed) ? " in " : " from ");
            add_code(text, &code);
        }
        names++;
        if (strcmp(code.function, "main") == 0)
            break;
    }
}

int ps_callers_find(struct ps_call *call)
{
    struct ps_callers_call *request = (struct ps_callers_call *)call;
    struct ps_text text = ps_text_begin(request->text, sizeof(request->text));
    uint64_t frames[FRAMES];

    if (!find_space())
        return 0;
    request->stack.read = read_word;
    add_all(&text, frames, unwind->walk(space, &request->stack, frames, FRAMES), request->placed);
    return 0;
}

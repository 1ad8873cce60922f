/* unwind.c: see where_module.h; by libunwind */
#define UNW_LOCAL_ONLY
#include <dlfcn.h>
#include <libunwind.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "where/where_module.h"

enum { FRAMES = 6, NAME = 80 };

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/*
 * "f+0x12 (module)", without the module where it is the last one's; "module+0x12" where the file
 * has no symbol there. False: main, which nothing of interest is behind.
 */
static bool add_frame(unw_cursor_t *cursor, unw_word_t at, const Dl_info *module, FILE *out,
                      const char **last)
{
    char name[NAME];
    unw_word_t offset;
    int result = unw_get_proc_name(cursor, name, sizeof(name), &offset);

    if (ftell(out) > 0)
        fputs(", ", out);
    if (result < 0 && result != -UNW_ENOMEM /* cut */) {
        fprintf(out, "%s+0x%lx", base_name(module->dli_fname),
                (unsigned long)(at - (unw_word_t)module->dli_fbase));
        return true;
    }
    fprintf(out, "%s+0x%lx", name, (unsigned long)offset);
    if (module->dli_fname != *last)
        fprintf(out, " (%s)", base_name(module->dli_fname));
    *last = module->dli_fname;
    return strcmp(name, "main") != 0;
}

__attribute__((visibility("default"))) void ps_where_names(const ucontext_t *context, char *names,
                                                           size_t size)
{
    ucontext_t registers = *context;
    const char *last = NULL;
    FILE *out = fmemopen(names, size, "w");
    unw_cursor_t cursor;
    Dl_info module;
    unw_word_t at;
    int frames = 0;

    if (out == NULL)
        return;
    if (unw_init_local2(&cursor, (unw_context_t *)&registers, UNW_INIT_SIGNAL_FRAME) == 0)
        do {
            if (unw_get_reg(&cursor, UNW_REG_IP, &at) < 0 || at == 0 ||
                dladdr((void *)at, &module) == 0)
                break;
            if (strncmp(base_name(module.dli_fname), "libps.so", 8) == 0)
                continue;
            frames++;
            if (!add_frame(&cursor, at, &module, out, &last))
                break;
        } while (frames < FRAMES && unw_step(&cursor) > 0);
    fclose(out);
}

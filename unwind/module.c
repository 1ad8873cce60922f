/* module.c: what libps-unwind.so offers, see stack.h */
#include <stdlib.h>

#include "space.h"

extern const struct ps_unwind *ps_unwind_init(void) __attribute__((visibility("default")));

/* Only what is in the files themselves: no search, and none of the network (debuginfod). */
static int no_debuginfo(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
                        const char *file, const char *link, GElf_Word sum, char **out)
{
    (void)module, (void)data, (void)name, (void)base, (void)file, (void)link, (void)sum, (void)out;
    return -1;
}

static void space_close(void *of)
{
    struct space *space = of;

    walk_end(space);
    if (space->dwfl != NULL)
        dwfl_end(space->dwfl);
    free(space);
}

static void *space_open(FILE *maps)
{
    static const Dwfl_Callbacks callbacks = {.find_debuginfo = no_debuginfo};
    struct space *space = calloc(1, sizeof(*space));

    if (space == NULL)
        return NULL;
    space->dwfl = dwfl_begin(&callbacks);
    if (space->dwfl == NULL || !walk_begin(space)) {
        space_close(space);
        return NULL;
    }
    space_load(space, maps);
    return space;
}

static void describe(void *space, uint64_t address, struct ps_frame *code)
{
    space_describe(space, address, code);
}

const struct ps_unwind *ps_unwind_init(void)
{
    static const struct ps_unwind functions = {.struct_size = sizeof(functions),
                                               .api = PS_UNWIND_API,
                                               .open = space_open,
                                               .close = space_close,
                                               .walk = walk,
                                               .describe = describe};

    return &functions;
}

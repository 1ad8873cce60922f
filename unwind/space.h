/* space.h: the programs and libraries that are mapped in a process */
#ifndef PS_SPACE_H
#define PS_SPACE_H

#include <elfutils/libdwfl.h>
#include <libunwind.h>

#include "stack.h"

struct space {
    Dwfl *dwfl;
    unw_addr_space_t unwinder; /* walk.c's */
};

/* space_load: all that the lines name and can be opened */
void space_load(struct space *space, FILE *maps);

/* space_bytes: what the file has at an address that is mapped from it; NULL: nothing */
const void *space_bytes(const struct space *space, uint64_t address, size_t size);

/* space_describe: see describe in stack.h */
void space_describe(const struct space *space, uint64_t address, struct ps_frame *code);

/* space_frames, space_frames_end: where the table of an address's module is (.eh_frame_hdr) */
struct frames {
    uint64_t start, end; /* of the module */
    uint64_t header;     /* address of the table's header */
};
bool space_frames(const struct space *space, uint64_t address, struct frames *frames);

/* walk_begin, walk_end: what libunwind keeps; walk: see stack.h */
bool walk_begin(struct space *space);
void walk_end(struct space *space);
unsigned walk(void *space, const struct ps_stack *stack, uint64_t *code, unsigned most);

#endif

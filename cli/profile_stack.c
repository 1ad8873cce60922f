/* profile_stack.c: from registers and the bytes of a stack to the names of functions */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"
#include "psctl.h"

/* --- names, each looked up once ------------------------------------------------------ */

struct known {
    uint64_t address;
    char name[160]; /* empty: not to be shown */
};

static int compare_addresses(const void *one, const void *other)
{
    const struct known *a = one, *b = other;

    return a->address < b->address ? -1 : a->address > b->address;
}

static int is_of(const char *module, const char *library)
{
    return strncmp(module, library, strlen(library)) == 0;
}

/* libps is where all of them wait, and parts of libc that have no name tell nobody anything. */
static void set_name(struct known *known, const struct ps_frame *frame)
{
    if (frame->module[0] == '\0')
        strcpy(known->name, "[unknown]");
    else if (is_of(frame->module, "libps.so"))
        known->name[0] = '\0';
    else if (frame->function[0] != '\0')
        snprintf(known->name, sizeof(known->name), "%s", frame->function);
    else if (!is_of(frame->module, "libc.so") && !is_of(frame->module, "libc-2"))
        snprintf(known->name, sizeof(known->name), "%s+0x%llx", frame->module,
                 (unsigned long long)frame->offset);
    for (char *c = known->name; *c != '\0'; c++)
        if (*c == ';' || (unsigned char)*c < ' ' || *c == 127)
            *c = '?'; /* it ends a frame, or a line */
}

static const char *name_of(const struct profile *profile, void *space, void **tree,
                           uint64_t address)
{
    struct known *known = calloc(1, sizeof(*known));
    struct known **at;
    struct ps_frame frame;

    if (known == NULL)
        return "";
    known->address = address;
    at = tsearch(known, tree, compare_addresses);
    if (at == NULL || *at != known) {
        free(known);
        return at != NULL ? (*at)->name : "";
    }
    profile->unwind->describe(space, address, &frame);
    set_name(known, &frame);
    return known->name;
}

/* --- stacks --------------------------------------------------------------------------- */

struct written {
    struct ps_stack stack;
    uint64_t from;
    const char *data;
    size_t size;
};

static bool read_written(const struct ps_stack *stack, uint64_t address, uint64_t *word)
{
    const struct written *written = (const struct written *)stack;
    uint64_t at = address - written->from;

    if (at >= written->size || written->size - at < sizeof(*word))
        return false;
    memcpy(word, written->data + at, sizeof(*word));
    return true;
}

char *profile_stack(const struct profile *profile, void *space, void **known,
                    const struct ps_waits *record, const char *data, size_t size)
{
    struct written written = {
        {record->registers, read_written}, record->registers.value[PS_REGISTER_SP], data, size};
    uint64_t frames[FRAMES_MAX];
    unsigned count = 0;
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);

    if (to == NULL)
        return NULL;
    if (space != NULL && written.stack.registers.known != 0)
        count = profile->unwind->walk(space, &written.stack, frames, FRAMES_MAX);
    while (count-- > 0) {
        const char *name = name_of(profile, space, known, frames[count]);
        if (name[0] != '\0')
            fprintf(to, "%s%s", ftell(to) > 0 ? ";" : "", name);
    }
    fflush(to);
    if (length == 0)
        fputs("[unknown]", to);
    fclose(to);
    return text;
}

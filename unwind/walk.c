/*
 * walk.c: from frame to frame, by libunwind
 *
 * As if the stack were another process's, so libunwind reads nothing by itself: a
 * stack that is broken, or goes on while it is looked at, gives wrong frames at worst.
 */
#include <string.h>

#include "space.h"

/* Not in libunwind.h, but exported for those who know where a table is; perf uses it, too. */
#define search_table UNW_OBJ(dwarf_search_unwind_table)
extern int search_table(unw_addr_space_t space, unw_word_t ip, unw_dyn_info_t *table,
                        unw_proc_info_t *out, int need_info, void *argument);

/* What libunwind hands to the functions below */
struct walking {
    const struct space *space;
    const struct ps_stack *stack;
};

static int read_word(unw_addr_space_t unwinder, unw_word_t address, unw_word_t *word, int is_write,
                     void *argument)
{
    const struct walking *walking = argument;
    const void *bytes;

    (void)unwinder;
    if (is_write)
        return -UNW_EINVAL;
    bytes = space_bytes(walking->space, address, sizeof(*word));
    if (bytes != NULL)
        memcpy(word, bytes, sizeof(*word));
    return bytes != NULL || walking->stack->read(walking->stack, address, word) ? 0 : -UNW_EINVAL;
}

static int read_register(unw_addr_space_t unwinder, unw_regnum_t number, unw_word_t *value,
                         int is_write, void *argument)
{
    const struct walking *walking = argument;
    const struct ps_registers *registers = &walking->stack->registers;

    (void)unwinder;
    if (is_write || number < 0 || number >= PS_REGISTERS || !(registers->known >> number & 1))
        return -UNW_EBADREG;
    *value = registers->value[number];
    return 0;
}

static int no_fp_register(unw_addr_space_t unwinder, unw_regnum_t number, unw_fpreg_t *value,
                          int is_write, void *argument)
{
    (void)unwinder, (void)number, (void)value, (void)is_write, (void)argument;
    return -UNW_EBADREG;
}

/* The header of .eh_frame_hdr as all linkers write it: a sorted table, relative to the header. */
struct header {
    unsigned char version, frames_form, count_form, table_form;
    int32_t frames;
    uint32_t count;
};
enum { FORM_UDATA4 = 0x03, FORM_SDATA4_DATAREL = 0x3b, FORM_SDATA4_PCREL = 0x1b };

static int find_proc(unw_addr_space_t unwinder, unw_word_t ip, unw_proc_info_t *out, int need_info,
                     void *argument)
{
    const struct walking *walking = argument;
    const struct header *header;
    struct frames frames;
    unw_dyn_info_t table = {.format = UNW_INFO_FORMAT_REMOTE_TABLE};

    if (!space_frames(walking->space, ip, &frames))
        return -UNW_ENOINFO;
    header = space_bytes(walking->space, frames.header, sizeof(*header));
    if (header == NULL || header->version != 1 || header->frames_form != FORM_SDATA4_PCREL ||
        header->count_form != FORM_UDATA4 || header->table_form != FORM_SDATA4_DATAREL)
        return -UNW_ENOINFO;
    table.start_ip = frames.start;
    table.end_ip = frames.end;
    table.u.rti.segbase = frames.header;
    table.u.rti.table_data = frames.header + sizeof(*header);
    table.u.rti.table_len = header->count * 2 * sizeof(int32_t) / sizeof(unw_word_t);
    return search_table(unwinder, ip, &table, out, need_info, argument);
}

static void put_proc(unw_addr_space_t unwinder, unw_proc_info_t *info, void *argument)
{
    (void)unwinder, (void)info, (void)argument;
}

static int no_list(unw_addr_space_t unwinder, unw_word_t *list, void *argument)
{
    (void)unwinder, (void)list, (void)argument;
    return -UNW_ENOINFO;
}

static int no_resume(unw_addr_space_t unwinder, unw_cursor_t *cursor, void *argument)
{
    (void)unwinder, (void)cursor, (void)argument;
    return -UNW_EINVAL;
}

static int no_name(unw_addr_space_t unwinder, unw_word_t address, char *name, size_t size,
                   unw_word_t *offset, void *argument)
{
    (void)unwinder, (void)address, (void)name, (void)size, (void)offset, (void)argument;
    return -UNW_ENOINFO;
}

bool walk_begin(struct space *space)
{
    unw_accessors_t accessors = {.find_proc_info = find_proc,
                                 .put_unwind_info = put_proc,
                                 .get_dyn_info_list_addr = no_list,
                                 .access_mem = read_word,
                                 .access_reg = read_register,
                                 .access_fpreg = no_fp_register,
                                 .resume = no_resume,
                                 .get_proc_name = no_name};

    space->unwinder = unw_create_addr_space(&accessors, 0);
    if (space->unwinder == NULL)
        return false;
    unw_set_caching_policy(space->unwinder, UNW_CACHE_GLOBAL);
    return true;
}

void walk_end(struct space *space)
{
    if (space->unwinder != NULL)
        unw_destroy_addr_space(space->unwinder);
}

/*
 * Was the code of this frame interrupted? It called nobody then. libunwind says
 * "signal frame" of it on x86-64, and elsewhere of the frame before, the kernel's.
 */
static bool is_interrupted(unw_cursor_t *cursor, bool *was_signal)
{
    bool is_signal = unw_is_signal_frame(cursor) > 0, was = *was_signal;

    *was_signal = is_signal;
#if defined(__x86_64__)
    was = is_signal;
#endif
    return was;
}

unsigned walk(void *of, const struct ps_stack *stack, uint64_t *code, unsigned most)
{
    const struct space *space = of;
    struct walking walking = {space, stack};
    unw_cursor_t cursor;
    unw_word_t ip, sp, last = 0;
    unsigned count = 0;
    bool was_signal = false, is_exact;

    if (unw_init_remote(&cursor, space->unwinder, &walking) < 0)
        return 0;
    do {
        if (unw_get_reg(&cursor, UNW_REG_IP, &ip) < 0 || unw_get_reg(&cursor, UNW_REG_SP, &sp) < 0)
            break;
        if (ip == 0)
            break;
        is_exact = is_interrupted(&cursor, &was_signal) || count == 0;
        /* stacks grow down: the rest is none, but for a handler's own */
        if (sp < last && !is_exact && !was_signal)
            break;
        last = sp;
        /* a call that does not return may be the last instruction of its function */
        code[count++] = is_exact ? ip : ip - 1;
    } while (count < most && unw_step(&cursor) > 0);
    return count;
}

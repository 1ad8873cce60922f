/* hint.c: see hint.h */
#include "hint.h"

#include <sys/mman.h>

#include "base/page.h"
#include "fetch.h"
#include "region.h"
#include "work.h"

void ps_hint_fetch(struct ps_image *image, uint64_t offset, uint64_t size)
{
    struct ps_table *table = image->table;
    uint64_t first;

    if (table == NULL || offset >= table->size || ps_table_complete(table) ||
        ps_work_start(NULL) < 0)
        return;
    if (size == 0 || size > table->size - offset)
        size = table->size - offset;
    first = offset / table->block_size;
    ps_fetch_start(image, first, (offset + size - 1) / table->block_size - first + 1,
                   PS_FETCH_AHEAD);
}

_Static_assert((int)PS_ADVICE_NORMAL == MADV_NORMAL && (int)PS_ADVICE_RANDOM == MADV_RANDOM &&
                   (int)PS_ADVICE_SEQUENTIAL == MADV_SEQUENTIAL,
               "the numbers are the kernel's");

static void fetch_memory(uintptr_t start, uintptr_t end)
{
    struct ps_region region;

    for (uintptr_t at = start; at < end && ps_region_next(at, end, &region); at = region.end) {
        uintptr_t from = at > region.start ? at : region.start;
        uintptr_t to = end < region.end ? end : region.end;

        ps_hint_fetch(region.image, region.offset + (from - region.start), to - from);
        ps_image_put(region.image);
    }
}

static void advise_memory(uintptr_t start, uintptr_t end, enum ps_advice advice)
{
    uint64_t mask;

    ps_region_lock(&mask);
    ps_region_set_advice(start, end, advice); /* where the list is full: as before */
    ps_region_unlock(&mask);
}

void ps_hint_memory(uintptr_t start, size_t size, int advice)
{
    uintptr_t end = start + ps_page_round(size);

    if (size == 0)
        return;
    switch (advice) {
    case MADV_WILLNEED:
        fetch_memory(start, end);
        break;
    case PS_ADVICE_NORMAL:
    case PS_ADVICE_RANDOM:
    case PS_ADVICE_SEQUENTIAL:
        advise_memory(start, end, (enum ps_advice)advice);
        break;
    default:
        break;
    }
}

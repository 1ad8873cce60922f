/*
 * segv.c: the segv engine; see engine.h
 *
 * RULES of this file: everything below "in the handler" runs in a signal
 * handler, in a thread that may hold any lock of the program. No malloc, no
 * stdio, no libc lock; system calls (of base/sys.h, which no hook sees), atomics
 * and ps_lock only. Not even the guard: while a touch waits, a handler of the
 * program may run, whose calls the hooks must serve, and may never come back.
 */
#include "engine/engine.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/sys.h"
#include "engine/fault_action.h"
#include "report.h"
#include "stats.h"
#include "touch.h"
#include "use.h"
#include "where.h"

enum { AROUND = 1 << 20 }; /* bytes behind it that one SIGSEGV opens at most, if they are ready */

static _Atomic bool started;
static uintptr_t page_size;
static struct ps_engine_counts *counts;

/* --- in the handler ---------------------------------------------------------- */

/* What the touch needed: PROT_READ, PROT_WRITE or PROT_EXEC. */
static int needed(const ucontext_t *context)
{
#if defined(__x86_64__)
    /* the page-fault error code: bit 1 is a write, bit 4 the fetch of an instruction */
    greg_t code = context->uc_mcontext.gregs[REG_ERR];

    return code & 2 ? PROT_WRITE : code & 16 ? PROT_EXEC : PROT_READ;
#elif defined(__aarch64__)
    /* records of extra context follow each other; ESR has its own: magic, size, syndrome */
    const unsigned char *at = context->uc_mcontext.__reserved;
    const unsigned char *end = at + sizeof(context->uc_mcontext.__reserved);

    while (at + 16 <= end) {
        const uint32_t *head = (const void *)at;
        if (head[0] == 0x45535201) { /* ESR_MAGIC */
            uint64_t syndrome = *(const uint64_t *)(head + 2);
            if ((syndrome >> 26 & 0x3f) == 0x20) /* EC: an instruction abort */
                return PROT_EXEC;
            return syndrome >> 6 & 1 ? PROT_WRITE : PROT_READ; /* WnR */
        }
        if (head[0] == 0 || head[1] == 0)
            break;
        at += head[1];
    }
    return PROT_READ;
#endif
}

/* A processor may read where it may only write or execute: the kernel decides. */
static bool is_allowed(int prot, int access)
{
    return prot != PROT_NONE && (access == PROT_READ || (prot & access));
}

/* Blocks [low, high) of the image are the region's. */
static void region_blocks(const struct ps_region *region, uint64_t *low, uint64_t *high)
{
    const struct ps_table *table = region->image->table;

    *low = region->offset / table->block_size;
    *high = *low + (region->end - region->start) / table->block_size;
    if (*high > table->blocks)
        *high = table->blocks;
}

/*
 * Evictions are kept out while the state of blocks is looked at and acted upon,
 * so that no hole becomes accessible. And so are changes of the list: while its
 * touch waited, the program may have unmapped or protected some of the region,
 * and has memory of its own there by now.
 */
struct exposing {
    uint64_t mask, list_mask;
};

static void expose_begin(struct exposing *exposing, struct ps_image *image)
{
    /* a handler of the program that jumped out of here would keep evictions out for good */
    ps_signals_block(&exposing->mask);
    /* in this order: an eviction closes regions, with the list's lock */
    ps_use_begin(image);
    ps_region_lock(&exposing->list_mask);
}

static void expose_end(const struct exposing *exposing, struct ps_image *image)
{
    ps_region_unlock(&exposing->list_mask);
    ps_use_end(image);
    ps_signals_restore(&exposing->mask);
}

/* Blocks [first, last), all of the region. */
static int expose_blocks(const struct ps_region *region, uint64_t first, uint64_t last)
{
    uint64_t size = region->image->table->block_size;

    return sys_mprotect((void *)(region->start + (first * size - region->offset)),
                        (last - first) * size, region->prot);
}

/*
 * Give the program its protection on the ready blocks around the page, as far
 * as they go: one SIGSEGV for many pages. 0 as well when it is other memory by
 * now, or was evicted: the touch is repeated.
 */
static int expose(struct ps_region *region, uintptr_t page, uint64_t block)
{
    struct ps_table *table = region->image->table;
    uint64_t around = AROUND / table->block_size, low, high, first = block, last = block + 1;
    struct exposing exposing;
    int result = 0;

    expose_begin(&exposing, region->image);
    if (ps_region_still(region, page) && ps_table_state(table, block) == PS_BLOCK_READY) {
        region_blocks(region, &low, &high);
        while (first > low && block - first < around / 4 &&
               ps_table_state(table, first - 1) == PS_BLOCK_READY)
            first--;
        while (last < high && last - block <= around &&
               ps_table_state(table, last) == PS_BLOCK_READY)
            last++;
        result = expose_blocks(region, first, last);
    }
    expose_end(&exposing, region->image);
    return result;
}

/* The blocks around one that are of the region; true: they are all that it has. */
static bool blocks_around(const struct ps_region *region, uint64_t block, uint64_t width,
                          uint64_t *first, uint64_t *last)
{
    uint64_t low, high;

    region_blocks(region, &low, &high);
    *first = block > low + width ? block - width : low;
    *last = high - block > width ? block + width : high;
    return *first == low && *last == high;
}

/*
 * The kernel's limit of mappings is reached: scattered blocks took two each.
 * Fetch more around the block, so that neighbours join, until it is enough.
 */
static int widen(struct ps_region *region, uintptr_t page, uint64_t block, struct ps_error *err)
{
    struct ps_table *table = region->image->table;
    uint64_t first, last;
    struct exposing exposing;
    bool is_all = false;
    int result = -ENOMEM;

    for (uint64_t width = 256; result == -ENOMEM && !is_all; width *= 8) {
        is_all = blocks_around(region, block, width, &first, &last);
        if (ps_touch(region->image, first, last - first, (enum ps_advice)region->advice, NULL,
                     err) < 0)
            return err->code;
        result = 0;
        expose_begin(&exposing, region->image);
        if (ps_region_still(region, page)) {
            is_all = blocks_around(region, block, width, &first, &last);
            if (ps_table_all_ready(table, first, last - first))
                result = expose_blocks(region, first, last);
        }
        expose_end(&exposing, region->image);
    }
    return result == 0 ? 0 : ps_error_set(err, PS_E_NOMEM, -result, "can't open lazy memory");
}

/* True when the fault was ours and is dealt with, one way or the other. */
static bool handle(struct ps_region *region, uintptr_t address, const ucontext_t *context)
{
    uintptr_t page = address & ~(page_size - 1);
    uint64_t offset = region->offset + (page - region->start);
    struct ps_error error = {0};
    struct ps_registers registers;
    uint64_t block, mask;
    bool is_here;
    int result;

    if (region->engine != PS_REGION_SEGV || !is_allowed(region->prot, needed(context)))
        return false; /* the program's own mistake */
    block = offset / region->image->table->block_size;
    ps_stats_count(&region->image->record->faults, 1);
    ps_stats_count(&counts->events, 1);
    ps_signals_block(&mask); /* once for all that follows, and not where it may wait */
    is_here = ps_touch_now(region->image, block, (enum ps_advice)region->advice);
    result = is_here ? expose(region, page, block) : 0;
    ps_signals_restore(&mask);
    if (!is_here) {
        result = ps_touch(region->image, block, 1, (enum ps_advice)region->advice, NULL, &error);
        is_here = result == 0;
        if (is_here)
            result = expose(region, page, block);
    }
    if (is_here && result == -ENOMEM)
        result = widen(region, page, block, &error);
    if (result < 0) {
        ps_where_interrupted(&registers, context);
        ps_report_touch(region->image, offset, page_size, &error, address, &registers);
        return is_here ? ps_fail_shown(region, page, page_size, &error)
                       : ps_fail_page(region, page, page_size, &error);
    }
    return true;
}

static void on_segv(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    struct ps_region region;
    bool handled = false;

    /* si_code <= 0: somebody sent it, there is no address; a protection key is the program's */
    if (info->si_code > 0 && info->si_code != SEGV_PKUERR &&
        ps_region_find((uintptr_t)info->si_addr, &region)) {
        handled = handle(&region, (uintptr_t)info->si_addr, context);
        ps_image_put(region.image);
    }
    errno = saved;
    if (!handled)
        ps_action_chain(number, info, context);
}

/* --- not in the handler -------------------------------------------------------- */

bool ps_segv_started(void)
{
    return atomic_load_explicit(&started, memory_order_relaxed);
}

int ps_segv_start(struct ps_error *err)
{
    if (ps_segv_started())
        return 0;
    page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    counts = ps_stats_engine(PS_BOARD_SEGV);
    if (ps_action_take(SIGSEGV, on_segv) < 0)
        return ps_error_set(err, PS_E_SYSTEM, errno, "can't handle SIGSEGV");
    atomic_store(&started, true);
    return 0;
}

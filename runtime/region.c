/* region.c: see region.h */
#include "region.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>

#include "base/lock.h"
#include "base/page.h"
#include "base/sys.h"
#include "engine/engine.h"

enum { REGIONS_MAX = 1 << 18 };

/* Protects all of this file's data against other writers. */
struct ps_lock ps_regions_lock = PS_LOCK(PS_RANK_REGIONS);
static struct ps_region *regions; /* sorted by address, disjoint; reserved whole, never moved */
static _Atomic uint32_t count;
static _Atomic uint32_t sequence; /* odd while a writer is at work */
static _Atomic uintptr_t lowest = UINTPTR_MAX, highest;
static _Atomic uint64_t maps;

/*
 * The list is read while it may change, so every word of it is read and
 * written atomically; the sequence number decides whether it made sense.
 */
static void region_load(struct ps_region *to, const struct ps_region *from)
{
    to->start = __atomic_load_n(&from->start, __ATOMIC_RELAXED);
    to->end = __atomic_load_n(&from->end, __ATOMIC_RELAXED);
    to->image = __atomic_load_n(&from->image, __ATOMIC_RELAXED);
    to->offset = __atomic_load_n(&from->offset, __ATOMIC_RELAXED);
    to->prot = __atomic_load_n(&from->prot, __ATOMIC_RELAXED);
    to->engine = __atomic_load_n(&from->engine, __ATOMIC_RELAXED);
    to->read_only = __atomic_load_n(&from->read_only, __ATOMIC_RELAXED);
    to->advice = __atomic_load_n(&from->advice, __ATOMIC_RELAXED);
    to->map = __atomic_load_n(&from->map, __ATOMIC_RELAXED);
}

static void region_store(struct ps_region *to, const struct ps_region *from)
{
    __atomic_store_n(&to->start, from->start, __ATOMIC_RELAXED);
    __atomic_store_n(&to->end, from->end, __ATOMIC_RELAXED);
    __atomic_store_n(&to->image, from->image, __ATOMIC_RELAXED);
    __atomic_store_n(&to->offset, from->offset, __ATOMIC_RELAXED);
    __atomic_store_n(&to->prot, from->prot, __ATOMIC_RELAXED);
    __atomic_store_n(&to->engine, from->engine, __ATOMIC_RELAXED);
    __atomic_store_n(&to->read_only, from->read_only, __ATOMIC_RELAXED);
    __atomic_store_n(&to->advice, from->advice, __ATOMIC_RELAXED);
    __atomic_store_n(&to->map, from->map, __ATOMIC_RELAXED);
}

/* Index of the first region that ends above address. */
static uint32_t search(uintptr_t address, uint32_t total)
{
    uint32_t low = 0, high = total;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (__atomic_load_n(&regions[middle].end, __ATOMIC_RELAXED) <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool ps_region_next(uintptr_t address, uintptr_t limit, struct ps_region *out)
{
    for (;;) {
        uint32_t before = atomic_load_explicit(&sequence, memory_order_acquire), total, index;
        bool found = false;

        if (before & 1) {
            sched_yield();
            continue;
        }
        total = atomic_load_explicit(&count, memory_order_acquire);
        if (total == 0)
            return false;
        index = search(address, total);
        if (index < total) {
            region_load(out, &regions[index]);
            found = out->start < limit;
        }
        if (found)
            atomic_fetch_add(&out->image->refs, 1);
        /* acquire: the loads above must not sink below the check of the sequence number */
        atomic_thread_fence(memory_order_seq_cst);
        if (atomic_load_explicit(&sequence, memory_order_relaxed) == before)
            return found;
        if (found) /* images are never freed, so even a stale one can be counted down again */
            ps_image_put(out->image);
    }
}

bool ps_region_find(uintptr_t address, struct ps_region *out)
{
    return address != UINTPTR_MAX && ps_region_next(address, address + 1, out);
}

bool ps_region_near(uintptr_t address, size_t size)
{
    return address < atomic_load_explicit(&highest, memory_order_relaxed) &&
           address + size > atomic_load_explicit(&lowest, memory_order_relaxed);
}

bool ps_region_next_of(const struct ps_image *image, uintptr_t address, struct ps_region *out)
{
    uintptr_t low = atomic_load(&image->region_low), high = atomic_load(&image->region_high);

    if (atomic_load(&image->regions) == 0)
        return false;
    for (address = address > low ? address : low; ps_region_next(address, high, out);
         address = out->end) {
        if (out->image == image)
            return true;
        ps_image_put(out->image);
    }
    return false;
}

uint64_t ps_region_map(void)
{
    return atomic_fetch_add(&maps, 1) + 1;
}

uint32_t ps_region_count(void)
{
    return atomic_load(&count);
}

/* --- writers ------------------------------------------------------------------ */

void ps_region_lock(uint64_t *mask)
{
    ps_lock(&ps_regions_lock, mask);
}

void ps_region_unlock(const uint64_t *mask)
{
    ps_unlock(&ps_regions_lock, mask);
}

bool ps_region_still(struct ps_region *region, uintptr_t address)
{
    struct ps_region now;
    bool same;

    if (!ps_region_find(address, &now))
        return false;
    ps_image_put(now.image); /* by the lock the list keeps one */
    same = now.image == region->image && now.engine == region->engine &&
           now.offset + (address - now.start) == region->offset + (address - region->start);
    if (same)
        *region = now;
    return same;
}

/* With the lock. */
static void change_begin(void)
{
    atomic_fetch_add_explicit(&sequence, 1, memory_order_relaxed);
    /* release: no reader may see a changed list under the old, even number */
    atomic_thread_fence(memory_order_seq_cst);
}

static void change_end(void)
{
    uint32_t total = atomic_load_explicit(&count, memory_order_relaxed);

    atomic_store_explicit(&lowest, total ? regions[0].start : UINTPTR_MAX, memory_order_relaxed);
    atomic_store_explicit(&highest, total ? regions[total - 1].end : 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&sequence, 1, memory_order_release);
}

/* First: who sees the region must look for it there. Where there was none, the bounds are old. */
static void widen_bounds(const struct ps_region *region)
{
    struct ps_image *image = region->image;
    bool is_only = atomic_load(&image->regions) == 0;

    if (is_only || region->start < atomic_load(&image->region_low))
        atomic_store(&image->region_low, region->start);
    if (is_only || region->end > atomic_load(&image->region_high))
        atomic_store(&image->region_high, region->end);
}

static void insert_at(uint32_t index, const struct ps_region *region)
{
    uint32_t total = atomic_load_explicit(&count, memory_order_relaxed);

    widen_bounds(region);
    for (uint32_t i = total; i > index; i--)
        region_store(&regions[i], &regions[i - 1]);
    region_store(&regions[index], region);
    atomic_store_explicit(&count, total + 1, memory_order_release);
    atomic_fetch_add(&region->image->refs, 1);
    atomic_fetch_add(&region->image->regions, 1);
}

/* The entry is about to be overwritten. */
static void give_back(uint32_t index)
{
    struct ps_image *image = regions[index].image;

    atomic_fetch_sub(&image->regions, 1);
    ps_image_put(image);
}

/* The entries [from, to) hold nothing any more. */
static void close_gap(uint32_t from, uint32_t to)
{
    uint32_t total = atomic_load_explicit(&count, memory_order_relaxed);

    for (uint32_t i = to; from != to && i < total; i++)
        region_store(&regions[from + (i - to)], &regions[i]);
    atomic_store_explicit(&count, total - (to - from), memory_order_release);
}

/* Would a border at address split a region? */
static bool inside(uintptr_t address)
{
    uint32_t total = atomic_load_explicit(&count, memory_order_relaxed);
    uint32_t index = search(address, total);

    return index < total && regions[index].start < address;
}

/* Make address a border between regions, if it lies inside one. */
static void split_at(uintptr_t address)
{
    uint32_t index = search(address, atomic_load_explicit(&count, memory_order_relaxed));
    struct ps_region left, right;

    if (!inside(address))
        return;
    left = right = regions[index];
    left.end = right.start = address;
    right.offset += address - left.start;
    insert_at(index + 1, &right);
    region_store(&regions[index], &left);
}

static bool is_one_with(const struct ps_region *left, const struct ps_region *right)
{
    return left->end == right->start && left->image == right->image &&
           left->offset + (left->end - left->start) == right->offset && left->prot == right->prot &&
           left->engine == right->engine && left->read_only == right->read_only &&
           left->advice == right->advice && left->map == right->map;
}

/* A collector that protects page by page would fill the list. */
static void join(uintptr_t start, uintptr_t end)
{
    uint32_t total = atomic_load_explicit(&count, memory_order_relaxed);
    uint32_t kept = search(start, total), next;

    if (total == 0)
        return;
    if (kept > 0)
        kept--;
    for (next = kept + 1; next < total && regions[next].start <= end; next++) {
        if (is_one_with(&regions[kept], &regions[next])) {
            __atomic_store_n(&regions[kept].end, regions[next].end, __ATOMIC_RELAXED);
            give_back(next);
        } else {
            region_store(&regions[++kept], &regions[next]);
        }
    }
    close_gap(kept + 1, next);
}

/* Half of the list is there for splits only. */
static bool has_room(uint32_t more)
{
    return atomic_load_explicit(&count, memory_order_relaxed) + more <= REGIONS_MAX;
}

static int make_room(struct ps_error *err)
{
    if (regions == NULL) {
        void *reserved = sys_mmap(NULL, REGIONS_MAX * sizeof(*regions), PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (is_sys_error(reserved))
            return ps_error_set(err, PS_E_NOMEM, (int)-(long)reserved, "no list of lazy memory");
        regions = reserved;
    }
    if (atomic_load(&count) >= REGIONS_MAX / 2)
        return ps_error_set(err, PS_E_NOMEM, 0, "more than %d lazy mappings", REGIONS_MAX / 2);
    return 0;
}

static void remove_range(uintptr_t start, uintptr_t end)
{
    uint32_t first, next;

    split_at(start);
    split_at(end);
    first = search(start, atomic_load(&count));
    for (next = first; next < atomic_load(&count) && regions[next].start < end; next++)
        give_back(next);
    close_gap(first, next);
}

int ps_region_add(const struct ps_region *region, struct ps_error *err)
{
    uint64_t mask;
    int result;

    ps_region_lock(&mask);
    change_begin();
    result = make_room(err);
    if (result == 0) {
        remove_range(region->start, region->end); /* unmapped, but not by a hook */
        insert_at(search(region->start, atomic_load(&count)), region);
    }
    change_end();
    if (result == 0) /* of what was there before */
        ps_fail_forget(region->start, region->end);
    ps_region_unlock(&mask);
    return result;
}

int ps_region_room(uintptr_t start, uintptr_t end, bool moves)
{
    uint32_t total = atomic_load(&count), more = inside(start) + inside(end);

    /* they are at the new place before they leave the old one; and the new one may split others */
    if (moves)
        more += 2 + search(end, total) + 1 - search(start, total);
    return more == 0 || has_room(more) ? 0 : -ENOMEM;
}

void ps_region_remove(uintptr_t start, uintptr_t end)
{
    if (!ps_region_near(start, end - start))
        return;
    change_begin();
    remove_range(start, end);
    change_end();
    ps_engine_forget(start, end);
}

/* A word of all regions in the range, which is member bytes into them. */
static int set_word(uintptr_t start, uintptr_t end, size_t member, int value)
{
    if (!has_room(2) && (inside(start) || inside(end)))
        return -ENOMEM;
    change_begin();
    split_at(start);
    split_at(end);
    for (uint32_t i = search(start, atomic_load(&count));
         i < atomic_load(&count) && regions[i].start < end; i++)
        __atomic_store_n((int *)(void *)((char *)&regions[i] + member), value, __ATOMIC_RELAXED);
    join(start, end);
    change_end();
    return 0;
}

int ps_region_set_prot(uintptr_t start, uintptr_t end, int prot)
{
    return set_word(start, end, offsetof(struct ps_region, prot), prot);
}

int ps_region_set_advice(uintptr_t start, uintptr_t end, enum ps_advice advice)
{
    return set_word(start, end, offsetof(struct ps_region, advice), (int)advice);
}

/* Past the object's last page nothing is lazy: a touch is the kernel's SIGBUS. */
static void grow(struct ps_region *region, uintptr_t end)
{
    uint64_t left = ps_page_round(ps_image_size(region->image)) - region->offset;

    region->end = end - region->start < left ? end : region->start + left;
}

/* Regions of [from, end), as they are at their new place. */
static void insert_moved(uintptr_t from, uintptr_t end, uintptr_t to, uintptr_t to_end)
{
    struct ps_region region;
    uint32_t index;

    for (uintptr_t at = from;; at = region.end) {
        index = search(at, atomic_load(&count));
        if (index == atomic_load(&count) || regions[index].start >= end)
            return;
        region = regions[index];
        if (region.start - from + to < to_end) {
            struct ps_region moved = region;
            moved.start = region.start - from + to;
            moved.end = region.end - from + to;
            if (region.end == end || moved.end > to_end)
                grow(&moved, to_end);
            insert_at(search(moved.start, atomic_load(&count)), &moved);
        }
    }
}

void ps_region_move(uintptr_t from, uintptr_t end, uintptr_t to, uintptr_t to_end, bool keep)
{
    uint32_t index;

    change_begin();
    /* what the kernel had room for, was unmapped: if not by a hook, the list does not know */
    if (from != to)
        remove_range(to, to_end);
    else if (to_end > end)
        remove_range(end, to_end);
    if (from != to) {
        split_at(from);
        split_at(end);
        insert_moved(from, end, to, to_end);
        if (!keep)
            remove_range(from, end);
    } else if (to_end < end) {
        remove_range(to_end, end);
    } else {
        index = search(end - 1, atomic_load(&count));
        if (index < atomic_load(&count) && regions[index].end == end) {
            struct ps_region grown = regions[index];
            grow(&grown, to_end);
            widen_bounds(&grown);
            region_store(&regions[index], &grown);
        }
    }
    change_end();
}

void ps_region_set_engine(uintptr_t start, uintptr_t end, int engine)
{
    change_begin();
    for (uint32_t i = search(start, atomic_load(&count));
         i < atomic_load(&count) && regions[i].start < end; i++)
        __atomic_store_n(&regions[i].engine, engine, __ATOMIC_RELAXED);
    change_end();
}

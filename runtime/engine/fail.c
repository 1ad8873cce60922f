/*
 * fail.c: pages whose bytes can't be had
 *
 * A touch of such a page must raise SIGBUS, as for a mapped file with an I/O
 * error. UFFDIO_POISON does it where the kernel has it (Linux 6.6); otherwise
 * the page is replaced by one of an empty file, which has the same effect on
 * every kernel. Failed pages are remembered, so that they can be had again
 * once their block is published, or else after a second: the next touch then
 * asks the store again, which may answer by now.
 */
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/hold.h"
#include "base/lock.h"
#include "base/sys.h"
#include "base/valgrind.h"
#include "report.h"
#include "work.h"

enum {
    FAILED_MAX = 1 << 16, /* pages; one beyond them stays failed */
    FAILED_MS = 1000,     /* that a page stays failed */
    AT_ONCE = 256         /* pages that are healed before others get the locks */
};

struct failed {
    uintptr_t page; /* 0: unused */
    uint64_t size;
    uint64_t due_ms; /* when it is healed, by ps_now_ms() */
    bool replaced;   /* by a page of the empty file; else poisoned */
};

/* Protects failed and failed_end. */
struct ps_lock ps_failed_lock = PS_LOCK(PS_RANK_FAILED);
/* Both reserved whole before the first region, never moved; a cause is the slot's. */
static struct failed *failed;
static struct ps_error *causes;
static uint32_t failed_end; /* slots that were ever used */
static _Atomic uint32_t failed_count;
static _Atomic uint64_t next_due_ms; /* when the first of them is healed, if there are any */
static int empty_file = -1;          /* made before the first region, and never again */

/* The page's slot, or else a free one; FAILED_MAX: there is none. With the lock. */
static uint32_t slot_for(uintptr_t page)
{
    uint32_t slot = failed_end;

    for (uint32_t i = 0; i < failed_end; i++) {
        if (failed[i].page == page)
            return i;
        if (failed[i].page == 0)
            slot = i;
    }
    return slot;
}

/* With the lock held. */
static void remember(uintptr_t page, uint64_t size, bool replaced, const struct ps_error *cause)
{
    uint32_t slot = slot_for(page);
    bool is_new;

    if (slot == FAILED_MAX)
        return;
    is_new = slot == failed_end || failed[slot].page == 0;
    failed[slot] = (struct failed){page, size, ps_now_ms() + FAILED_MS, replaced};
    causes[slot] = *cause;
    failed_end += slot == failed_end;
    if (!is_new || atomic_fetch_add(&failed_count, 1) > 0)
        return;
    /* workers that are idle now sleep without a limit; all, as any of them may get work for long */
    atomic_store(&next_due_ms, failed[slot].due_ms);
    ps_work_wake(UINT32_MAX);
}

static void forget(struct failed *slot)
{
    slot->page = 0;
    atomic_fetch_sub(&failed_count, 1);
}

static void *reserve(size_t size)
{
    void *at = sys_mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return is_sys_error(at) ? NULL : at;
}

int ps_fail_start(void)
{
    int fd;

    if (empty_file >= 0)
        return 0;
    if (failed == NULL)
        failed = reserve(FAILED_MAX * sizeof(*failed));
    if (causes == NULL)
        causes = reserve(FAILED_MAX * sizeof(*causes));
    if (failed == NULL || causes == NULL)
        return -ENOMEM;
    fd = sys_memfd_create("ps:failed", MFD_CLOEXEC);
    if (fd >= 0)
        fd = ps_hold(fd, false);
    if (fd < 0)
        return fd;
    empty_file = fd;
    return 0;
}

/* What proc(5) says of the page; 0 also where it says nothing. */
enum { PAGE_PRESENT = 63, PAGE_SWAPPED = 62, PAGE_OF_FILE = 61 };
static bool page_is(uint64_t entry, int bit)
{
    return entry >> bit & 1;
}

static uint64_t page_entry(uintptr_t page, uint64_t size)
{
    int fd = sys_openat(AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
    uint64_t entry = 0;

    if (fd < 0)
        return 0;
    if (sys_pread(fd, &entry, sizeof(entry), page / size * sizeof(entry)) != sizeof(entry))
        entry = 0;
    sys_close(fd);
    return entry;
}

/* Has the program written this page? Then it is the program's own, and must not go. */
static bool is_written(uintptr_t page, uint64_t size)
{
    uint64_t entry = page_entry(page, size);

    return (page_is(entry, PAGE_PRESENT) || page_is(entry, PAGE_SWAPPED)) &&
           !page_is(entry, PAGE_OF_FILE);
}

/* Touches of a page of an empty file raise SIGBUS. */
static bool replace(uintptr_t page, uint64_t size, int prot)
{
    return !is_sys_error(
        sys_mmap((void *)page, size, prot, MAP_PRIVATE | MAP_FIXED, empty_file, 0));
}

static bool fail_page(const struct ps_region *region, uintptr_t page, uint64_t size,
                      const struct ps_error *cause)
{
    int poisoned = region->engine == PS_REGION_UFFD ? ps_uffd_poison(page, size) : -ENOSYS;

    if (poisoned == -EEXIST) /* another touch of it failed just before */
        return true;
    if (poisoned < 0 && is_written(page, size))
        return sys_mprotect((void *)page, size, region->prot) == 0;
    if (poisoned < 0 && !replace(page, size, region->prot)) {
        /* a fault for ever is no answer, SIGSEGV is */
        sys_mprotect((void *)page, size, PROT_NONE);
        return false;
    }
    remember(page, size, poisoned < 0, cause);
    return true;
}

/* With the lock of regions: the page may be the program's own by now, and must not go. */
static bool fail_still(const struct ps_region *region, uintptr_t page, uint64_t size,
                       const struct ps_error *cause)
{
    struct ps_region now = *region;
    uint64_t mask;
    bool done;

    /* both under the lock: a child forked in between would have the page, but not know of it */
    ps_lock(&ps_failed_lock, &mask);
    done = !ps_region_still(&now, page) || fail_page(&now, page, size, cause);
    ps_unlock(&ps_failed_lock, &mask);
    return done;
}

/* No handler of SIGBUS will. */
static void report(const struct ps_region *region, uintptr_t page, uint64_t size,
                   const struct ps_error *cause)
{
    ps_report_fault(region->image, region->offset + (page - region->start), size, cause, page,
                    NULL);
}

bool ps_fail_shown(const struct ps_region *region, uintptr_t page, uint64_t size,
                   const struct ps_error *cause)
{
    uint64_t mask;
    bool done;

    ps_region_lock(&mask);
    done = fail_still(region, page, size, cause);
    ps_region_unlock(&mask);
    if (!done)
        report(region, page, size, cause);
    return done;
}

/*
 * While the block is owned here, nobody can publish it: else the page could be
 * opened and written just before it is thrown away, or fail when it is here for
 * good. If it came meanwhile, or is being fetched again, nothing has failed.
 *
 * It is owned under the lock only, which tells who finds it LOADING that it is
 * not forgotten (fetch.c).
 */
bool ps_fail_page(const struct ps_region *region, uintptr_t page, uint64_t size,
                  const struct ps_error *cause)
{
    struct ps_table *table = region->image->table;
    uint64_t block = (region->offset + (page - region->start)) / table->block_size, mask;
    bool done = true;

    ps_region_lock(&mask);
    if (ps_table_claim(table, block, 1, region->image->owner) == 1) {
        done = fail_still(region, page, size, cause);
        ps_table_set(table, block, 1, region->image->owner, PS_BLOCK_FAILED);
    }
    ps_region_unlock(&mask);
    if (!done)
        report(region, page, size, cause);
    return done;
}

bool ps_fail_cause(uintptr_t page, struct ps_error *cause)
{
    uint64_t mask;
    uint32_t slot;
    bool found;

    ps_lock(&ps_failed_lock, &mask);
    slot = slot_for(page);
    found = slot < failed_end && failed[slot].page == page;
    if (found)
        *cause = causes[slot];
    ps_unlock(&ps_failed_lock, &mask);
    return found;
}

/* The page of the empty file goes. Nobody could write to that, so nothing is lost. */
static bool put_back(const struct ps_region *region, const struct failed *page)
{
    void *at = (void *)page->page;

    if (is_sys_error(sys_mmap(at, page->size, PROT_NONE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
                              region->image->fd,
                              (off_t)(region->offset + (page->page - region->start)))))
        return false;
    ps_valgrind_ask(PS_VALGRIND_IS_DEFINED, page->page, page->size);
    if (region->engine != PS_REGION_UFFD)
        return true;
    /* the image may have a hole there: without a watch a touch of it would read zeros */
    if (ps_uffd_register(page->page, page->page + page->size) == 0)
        return sys_mprotect(at, page->size, region->prot) == 0;
    replace(page->page, page->size, region->prot);
    return false;
}

/*
 * The next touch of the page comes to the engine again; false: not now.
 *
 * A thread that has not come back yet from the touch that failed tries again,
 * too, instead of meeting SIGBUS. The block may be anything, also LOADING: what
 * a touch meets is then as if the page had never failed.
 */
static bool heal(const struct ps_region *region, const struct failed *page)
{
    if (page->replaced)
        return put_back(region, page);
    /* present: the program itself dropped the mark (madvise), and may have written there since */
    return page_is(page_entry(page->page, page->size), PAGE_PRESENT) ||
           sys_madvise((void *)page->page, page->size, MADV_DONTNEED) == 0;
}

/* If the page shows these bytes, it is healed and forgotten. */
static void heal_slot(struct failed *slot, const struct ps_image *image, uint64_t offset,
                      uint64_t size)
{
    struct ps_region region;
    uint64_t at;

    if (slot->page == 0 || !ps_region_find(slot->page, &region))
        return;
    at = region.offset + (slot->page - region.start);
    if (region.image == image && at >= offset && at - offset < size && heal(&region, slot))
        forget(slot);
    ps_image_put(region.image);
}

void ps_fail_heal(const struct ps_image *image, uint64_t offset, uint64_t size)
{
    uint64_t mask, list_mask;

    if (atomic_load(&failed_count) == 0)
        return;
    ps_region_lock(&list_mask); /* a page that is unmapped meanwhile must not be mapped again */
    /* under the lock: who finds nothing to heal relies on it that all is healed */
    ps_lock(&ps_failed_lock, &mask);
    for (uint32_t i = 0; i < failed_end; i++)
        heal_slot(&failed[i], image, offset, size);
    ps_unlock(&ps_failed_lock, &mask);
    ps_region_unlock(&list_mask);
}

/* One that can't be healed now is tried again as if it had failed just now. */
static void heal_due(struct failed *slot)
{
    struct ps_region region;

    if (!ps_region_find(slot->page, &region)) { /* unmapped, but not by a hook */
        forget(slot);
        return;
    }
    if (heal(&region, slot))
        forget(slot);
    else
        slot->due_ms = ps_now_ms() + FAILED_MS;
    ps_image_put(region.image);
}

/* Heals what is due by now of the slots from first on; *next: when the first that is left is due.
 * True: there are more slots. */
static bool heal_some(uint32_t first, uint64_t now, uint64_t *next)
{
    uint64_t mask, list_mask;
    bool more;

    ps_region_lock(&list_mask); /* as in ps_fail_heal; and no child is forked in between */
    ps_lock(&ps_failed_lock, &mask);
    for (uint32_t i = first; i < failed_end && i - first < AT_ONCE; i++) {
        if (failed[i].page != 0 && failed[i].due_ms <= now)
            heal_due(&failed[i]);
        if (failed[i].page != 0 && failed[i].due_ms < *next)
            *next = failed[i].due_ms;
    }
    more = first + AT_ONCE < failed_end;
    ps_unlock(&ps_failed_lock, &mask);
    ps_region_unlock(&list_mask);
    return more;
}

unsigned ps_fail_heal_due(void)
{
    uint64_t now, due, first = UINT64_MAX;

    if (atomic_load(&failed_count) == 0)
        return 0;
    now = ps_now_ms();
    due = atomic_load(&next_due_ms);
    if (due > now)
        return (unsigned)(due - now);
    /* claimed by one worker; what fails from here on is due later than this */
    if (!atomic_compare_exchange_strong(&next_due_ms, &due, now + FAILED_MS))
        return 1;
    for (uint32_t i = 0; heal_some(i, now, &first); i += AT_ONCE)
        ;
    due = now + FAILED_MS;
    if (first < due)
        atomic_compare_exchange_strong(&next_due_ms, &due, first);
    return 1;
}

/*
 * A child's pages that were poisoned may be so no more: the kernel copies no
 * marks of memory that was never written. The child could have such a page by
 * another process's fetch, and write it, before it is due here, which would
 * take its bytes. So all are healed before it runs.
 */
void ps_fail_fork_child(void)
{
    uint64_t next = UINT64_MAX;

    if (atomic_load(&failed_count) == 0)
        return;
    for (uint32_t i = 0; heal_some(i, UINT64_MAX - FAILED_MS, &next); i += AT_ONCE)
        ;
    atomic_store(&next_due_ms, ps_now_ms() + FAILED_MS); /* of those that could not be */
}

void ps_fail_forget(uintptr_t start, uintptr_t end)
{
    uint64_t mask;

    if (atomic_load(&failed_count) == 0)
        return;
    ps_lock(&ps_failed_lock, &mask);
    for (uint32_t i = 0; i < failed_end; i++)
        if (failed[i].page >= start && failed[i].page < end)
            forget(&failed[i]);
    ps_unlock(&ps_failed_lock, &mask);
}

void ps_fail_move(uintptr_t start, uintptr_t end, uintptr_t to)
{
    uint64_t mask;

    if (atomic_load(&failed_count) == 0)
        return;
    ps_lock(&ps_failed_lock, &mask);
    for (uint32_t i = 0; i < failed_end; i++)
        if (failed[i].page >= start && failed[i].page < end)
            failed[i].page += to - start;
    ps_unlock(&ps_failed_lock, &mask);
}

/*
 * fail.c: pages whose bytes can't be had
 *
 * A touch of such a page must raise SIGBUS, as for a mapped file with an I/O
 * error. UFFDIO_POISON does it where the kernel has it (Linux 6.6); otherwise
 * the page is replaced by one of an empty file, which has the same effect on
 * every kernel. Failed pages are remembered, so that they can be had again
 * once their block is published.
 */
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>

#include "base/hold.h"
#include "base/lock.h"
#include "base/sys.h"
#include "base/valgrind.h"

enum { FAILED_MAX = 1 << 16 }; /* pages; one beyond them stays failed */

struct failed {
    uintptr_t page; /* 0: unused */
    uint64_t size;
    bool replaced; /* by a page of the empty file; else poisoned */
};

/* Protects failed and failed_end. */
struct ps_lock ps_failed_lock = PS_LOCK(PS_RANK_FAILED);
static struct failed *failed; /* reserved whole before the first region, never moved */
static uint32_t failed_end;   /* slots that were ever used */
static _Atomic uint32_t failed_count;
static int empty_file = -1; /* made before the first region, and never again */

/* With the lock held. */
static void remember(uintptr_t page, uint64_t size, bool replaced)
{
    uint32_t end = failed_end, slot = end;

    for (uint32_t i = 0; i < end; i++) {
        if (failed[i].page == page)
            return;
        if (failed[i].page == 0)
            slot = i;
    }
    if (slot == FAILED_MAX)
        return;
    failed[slot].size = size;
    failed[slot].replaced = replaced;
    failed[slot].page = page;
    failed_end = slot == end ? end + 1 : end;
    atomic_fetch_add(&failed_count, 1);
}

int ps_fail_start(void)
{
    void *list;
    int fd;

    if (empty_file >= 0)
        return 0;
    if (failed == NULL) {
        list = sys_mmap(NULL, FAILED_MAX * sizeof(*failed), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (is_sys_error(list))
            return (int)(long)list;
        failed = list;
    }
    fd = sys_memfd_create("ps:failed", MFD_CLOEXEC);
    if (fd >= 0)
        fd = ps_hold(fd, false);
    if (fd < 0)
        return fd;
    empty_file = fd;
    return 0;
}

/* Has the program written this page? Then it is the program's own, and must not go. */
static bool is_written(uintptr_t page, uint64_t size)
{
    const uint64_t present_or_swapped = UINT64_C(3) << 62, of_file = UINT64_C(1) << 61;
    int fd = sys_openat(AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
    uint64_t entry = 0;

    if (fd < 0)
        return false;
    if (sys_pread(fd, &entry, sizeof(entry), page / size * sizeof(entry)) != sizeof(entry))
        entry = 0;
    sys_close(fd);
    return (entry & present_or_swapped) != 0 && (entry & of_file) == 0;
}

/* Touches of a page of an empty file raise SIGBUS. */
static bool replace(uintptr_t page, uint64_t size, int prot)
{
    return !is_sys_error(
        sys_mmap((void *)page, size, prot, MAP_PRIVATE | MAP_FIXED, empty_file, 0));
}

static bool fail_page(const struct ps_region *region, uintptr_t page, uint64_t size)
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
    remember(page, size, poisoned < 0);
    return true;
}

bool ps_fail_shown(const struct ps_region *region, uintptr_t page, uint64_t size)
{
    struct ps_region now = *region;
    uint64_t mask, list_mask;
    bool done;

    ps_region_lock(&list_mask); /* the page may be the program's own by now, and must not go */
    /* both under the lock: a child forked in between would have the page, but not know of it */
    ps_lock(&ps_failed_lock, &mask);
    done = !ps_region_still(&now, page) || fail_page(&now, page, size);
    ps_unlock(&ps_failed_lock, &mask);
    ps_region_unlock(&list_mask);
    return done;
}

/*
 * While the block is owned here, nobody can publish it: else the page could be
 * opened and written just before it is thrown away, or fail when it is here for
 * good. If it came meanwhile, or is being fetched again, nothing has failed.
 */
bool ps_fail_page(const struct ps_region *region, uintptr_t page, uint64_t size)
{
    struct ps_table *table = region->image->table;
    uint64_t block = (region->offset + (page - region->start)) / table->block_size;
    bool done;

    if (!ps_table_claim(table, block))
        return true;
    done = ps_fail_shown(region, page, size);
    ps_table_set(table, block, 1, PS_BLOCK_FAILED);
    return done;
}

/* False: it stays as it is. */
static bool heal(const struct ps_region *region, const struct failed *page)
{
    if (!page->replaced) {
        /* the page was never there, so there is nothing of the program's to lose */
        return sys_madvise((void *)page->page, page->size, MADV_DONTNEED) == 0;
    }
    if (is_sys_error(sys_mmap((void *)page->page, page->size, PROT_NONE,
                              MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, region->image->fd,
                              (off_t)(region->offset + (page->page - region->start)))))
        return false;
    ps_valgrind_ask(PS_VALGRIND_IS_DEFINED, page->page, page->size);
    if (region->engine != PS_REGION_UFFD)
        return true;
    if (ps_uffd_register(page->page, page->page + page->size) < 0) {
        /* unwatched, it would show zeros after the next eviction */
        replace(page->page, page->size, region->prot);
        return false;
    }
    return sys_mprotect((void *)page->page, page->size, region->prot) == 0;
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
    if (region.image == image && at >= offset && at - offset < size && heal(&region, slot)) {
        slot->page = 0;
        atomic_fetch_sub(&failed_count, 1);
    }
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

void ps_fail_forget(uintptr_t start, uintptr_t end)
{
    uint64_t mask;

    if (atomic_load(&failed_count) == 0)
        return;
    ps_lock(&ps_failed_lock, &mask);
    for (uint32_t i = 0; i < failed_end; i++)
        if (failed[i].page >= start && failed[i].page < end) {
            failed[i].page = 0;
            atomic_fetch_sub(&failed_count, 1);
        }
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

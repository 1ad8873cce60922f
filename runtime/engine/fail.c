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

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>

#include "base/hold.h"
#include "base/lock.h"
#include "base/sys.h"

enum { FAILED_MAX = 256 };

static struct failed {
    uintptr_t page; /* 0: unused */
    uint64_t size;
    bool replaced; /* by a page of the empty file; else poisoned */
} failed[FAILED_MAX];

/* Protects failed. Its rank is that of fetches: neither is taken inside the other. */
static struct ps_lock failed_lock = PS_LOCK(PS_RANK_FETCH);
static _Atomic uint32_t failed_count;
static int empty_file = -1;

static void remember(uintptr_t page, uint64_t size, bool replaced)
{
    struct failed *slot = NULL;
    uint64_t mask;

    ps_lock(&failed_lock, &mask);
    for (int i = 0; i < FAILED_MAX; i++) {
        if (failed[i].page == page) {
            slot = NULL;
            break;
        }
        if (slot == NULL && failed[i].page == 0)
            slot = &failed[i];
    }
    if (slot != NULL) { /* a page beyond the list stays failed for good */
        *slot = (struct failed){page, size, replaced};
        atomic_fetch_add(&failed_count, 1);
    }
    ps_unlock(&failed_lock, &mask);
}

static bool replace(uintptr_t page, uint64_t size)
{
    int fd = __atomic_load_n(&empty_file, __ATOMIC_RELAXED);

    if (fd < 0 || !ps_hold_has(fd)) {
        fd = ps_hold(sys_memfd_create("ps:failed", MFD_CLOEXEC), false);
        __atomic_store_n(&empty_file, fd, __ATOMIC_RELAXED);
    }
    return !is_sys_error(sys_mmap((void *)page, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0));
}

void ps_fail_page(const struct ps_region *region, uintptr_t page, uint64_t size)
{
    if (region->engine == PS_REGION_UFFD && ps_uffd_poison(page, size) == 0) {
        remember(page, size, false);
        return;
    }
    /* PROT_NONE stays where even this fails: a fault for ever is no answer, SIGSEGV is */
    if (!replace(page, size))
        sys_mprotect((void *)page, size, PROT_NONE);
    remember(page, size, true);
}

static bool forget(int slot, struct failed *out)
{
    uint64_t mask;

    ps_lock(&failed_lock, &mask);
    *out = failed[slot];
    if (out->page != 0) {
        failed[slot].page = 0;
        atomic_fetch_sub(&failed_count, 1);
    }
    ps_unlock(&failed_lock, &mask);
    return out->page != 0;
}

static void heal(const struct ps_region *region, const struct failed *page)
{
    if (!page->replaced) {
        /* the page was never there, so there is nothing of the program's to lose */
        sys_madvise((void *)page->page, page->size, MADV_DONTNEED);
        return;
    }
    sys_mmap((void *)page->page, page->size, PROT_NONE, MAP_PRIVATE | MAP_FIXED, region->image->fd,
             (off_t)(region->offset + (page->page - region->start)));
    if (region->engine == PS_REGION_UFFD) {
        ps_uffd_register(page->page, page->page + page->size);
        sys_mprotect((void *)page->page, page->size, region->prot);
    }
}

void ps_fail_heal(struct ps_image *image, uint64_t offset, uint64_t size)
{
    if (atomic_load(&failed_count) == 0)
        return;
    for (int i = 0; i < FAILED_MAX; i++) {
        uintptr_t page = __atomic_load_n(&failed[i].page, __ATOMIC_RELAXED);
        struct ps_region region;
        struct failed found;
        uint64_t at;

        if (page == 0 || !ps_region_find(page, &region))
            continue;
        at = region.offset + (page - region.start);
        if (region.image == image && at >= offset && at - offset < size && forget(i, &found))
            heal(&region, &found);
        ps_image_put(region.image);
    }
}

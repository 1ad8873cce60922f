/*
 * engine.h: how a first touch is caught
 *
 *   uffd       userfaultfd on the image's mapping, MISSING faults: a thread
 *              gets an event, queues the fetch, and the worker that wrote the
 *              page into the image wakes the toucher. Also catches touches by
 *              the kernel (read(fd, lazy, n)).
 *   uffd-user  the same with UFFD_USER_MODE_ONLY, all that an unprivileged
 *              process gets by default: system calls on lazy memory fail with
 *              EFAULT, so the shim resolves their buffers first.
 *   segv       PROT_NONE and a SIGSEGV handler, which waits for the fetch in
 *              the touching thread. Needs nothing from the kernel.
 *
 * In all of them the page is written into the image before the mapping can
 * show it, so that no thread ever sees a page that is half there.
 */
#ifndef PS_ENGINE_H
#define PS_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include <ps/error.h>

#include "image.h"
#include "region.h"

/* ps_engine_start: choose and start the engine of this process. Not in a handler. */
int ps_engine_start(struct ps_error *err);

/* ps_engine_arm: catch first touches of this PROT_NONE mapping, then give it its protection.
 * Sets region->engine. */
int ps_engine_arm(struct ps_region *region, struct ps_error *err);

/* ps_engine_rearm: the same for a region in the list, after the kernel dropped its watch (mremap,
 * fork). With the lock of the list. */
void ps_engine_rearm(const struct ps_region *region);

/*
 * ps_engine_close: touches of [from, to), where the region is segv memory, come to the engine again
 *
 * or_all: also other touches of the region, where the kernel has no mapping left to split off a
 * part. False: it may show its bytes as before. With the lock of the list.
 */
bool ps_engine_close(const struct ps_region *region, uintptr_t from, uintptr_t to, bool or_all);

/* ps_engine_published: these bytes became ready, failed or were dropped; who touched them goes on.
 */
void ps_engine_published(const struct ps_image *image, uint64_t offset, uint64_t size);

/*
 * ps_engine_forget: the range is lazy no more: who waits in a touch of it sees what is there now
 *
 * Failures of its pages are forgotten. With the lock of the list.
 */
void ps_engine_forget(uintptr_t start, uintptr_t end);

/* ps_engine_moved: the same, but its pages are at another place now, those that failed too */
void ps_engine_moved(uintptr_t start, uintptr_t end, uintptr_t to);

/* ps_engine_kernel_faults: are touches by the kernel caught too? */
bool ps_engine_kernel_faults(void);

/* ps_engine_fork_child: watch what the child inherited; before any other code of the child */
void ps_engine_fork_child(void);

/* --- uffd.c --- */
enum ps_uffd_kind { PS_UFFD_DEVICE, PS_UFFD_SYSCALL, PS_UFFD_USER, PS_UFFD_KINDS };

/* ps_uffd_start: open one of the kinds, prove that it works, start its thread.
 * Returns 0 or the negative errno that says why not. */
int ps_uffd_start(enum ps_uffd_kind kind);
int ps_uffd_register(uintptr_t start, uintptr_t end);
void ps_uffd_wake(uintptr_t start, uint64_t size);
/* ps_uffd_poison: a touch of the page raises SIGBUS; a negative errno where the kernel can't */
int ps_uffd_poison(uintptr_t page, uint64_t size);
int ps_uffd_fork_child(void);

/* --- segv.c --- */
int ps_segv_start(struct ps_error *err);
bool ps_segv_started(void);

/* --- fail.c --- */

/* ps_fail_start: have at hand what ps_fail_page needs; 0 or a negative errno */
int ps_fail_start(void);

/*
 * ps_fail_page: touches of the page, whose fetch failed, raise SIGBUS for a second, or until its
 * block is published
 *
 * Or the touch is to be repeated, as the block came meanwhile, or is fetched again. False: not even
 * a SIGBUS can be had, and a touch is SIGSEGV. Safe in a handler.
 */
bool ps_fail_page(const struct ps_region *region, uintptr_t page, uint64_t size,
                  const struct ps_error *cause);

/* ps_fail_shown: the same where the bytes are here, or the block is owned, and can't be shown */
bool ps_fail_shown(const struct ps_region *region, uintptr_t page, uint64_t size,
                   const struct ps_error *cause);

/* ps_fail_cause: why the page failed; false: it has not, or is healed. Safe in a handler. */
bool ps_fail_cause(uintptr_t page, struct ps_error *cause);

/* ps_fail_heal: these bytes are here after all: before a block becomes READY */
void ps_fail_heal(const struct ps_image *image, uint64_t offset, uint64_t size);

/*
 * ps_fail_heal_due: pages that failed more than a second ago are lazy again
 *
 * By the workers, between requests. Returns after how many milliseconds there is something to do
 * again; 0: nothing has failed, and ps_work_wake will tell.
 */
unsigned ps_fail_heal_due(void);

/* ps_fail_fork_child: all are lazy again, once the engine watches the child's memory */
void ps_fail_fork_child(void);

/* ps_fail_forget: the range is lazy no more: what is mapped there next must not be healed */
void ps_fail_forget(uintptr_t start, uintptr_t end);

/* ps_fail_move: pages of the range are at another place now */
void ps_fail_move(uintptr_t start, uintptr_t end, uintptr_t to);

#endif

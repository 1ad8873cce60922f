/* engine.c: which engine, and what they have in common; see engine.h */
#include "engine/engine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <ps/ps.h>

#include "base/lock.h"
#include "base/page.h"
#include "base/sys.h"
#include "base/valgrind.h"
#include "config.h"
#include "engine/asleep.h"
#include "engine/fault_action.h"

enum mode { MODE_NONE, MODE_UFFD, MODE_UFFD_USER, MODE_SEGV };

/* Protects the choice while it is made. */
struct ps_lock ps_engine_lock = PS_LOCK(PS_RANK_ENGINE);
static _Atomic enum mode mode;
static enum ps_uffd_kind uffd_kind; /* with MODE_UFFD and MODE_UFFD_USER */

/* What happened to each way when it was tried: 0, a negative errno, or 1: not tried. */
static int tried[PS_UFFD_KINDS] = {1, 1, 1};

static bool try_uffd(enum ps_uffd_kind first, enum ps_uffd_kind last)
{
    for (enum ps_uffd_kind kind = first; kind <= last; kind++) {
        tried[kind] = ps_uffd_start(kind);
        if (tried[kind] == 0) {
            uffd_kind = kind;
            atomic_store(&mode, kind == PS_UFFD_USER ? MODE_UFFD_USER : MODE_UFFD);
            return true;
        }
    }
    return false;
}

static int choose(enum ps_engine_choice choice, struct ps_error *err)
{
    enum ps_uffd_kind first = choice == PS_ENGINE_UFFD_USER ? PS_UFFD_USER : PS_UFFD_DEVICE;
    enum ps_uffd_kind last = choice == PS_ENGINE_UFFD ? PS_UFFD_SYSCALL : PS_UFFD_USER;

    if (choice != PS_ENGINE_SEGV && try_uffd(first, last))
        return 0;
    if (choice == PS_ENGINE_UFFD || choice == PS_ENGINE_UFFD_USER)
        return ps_error_set(err, PS_E_UNSUPPORTED, -tried[last],
                            "PS_ENGINE=%s does not work here (see psctl doctor)",
                            choice == PS_ENGINE_UFFD ? "uffd" : "uffd-user");
    if (ps_segv_start(err) < 0)
        return err != NULL ? err->code : PS_E_SYSTEM;
    atomic_store(&mode, MODE_SEGV);
    return 0;
}

int ps_engine_start(struct ps_error *err)
{
    const struct ps_config *config;
    uint64_t mask;
    int result = 0;

    if (atomic_load(&mode) != MODE_NONE)
        return 0;
    config = ps_config_get(err);
    if (config == NULL)
        return err != NULL ? err->code : PS_E_INVALID;
    ps_lock(&ps_engine_lock, &mask);
    if (atomic_load(&mode) == MODE_NONE)
        result = ps_fail_start();
    if (result < 0)
        result = ps_error_set(err, PS_E_NOMEM, -result, "no room for what may fail");
    else if (atomic_load(&mode) == MODE_NONE)
        result = choose(config->engine, err);
    if (ps_segv_started()) /* which has unblocked it; the lock would block it again */
        mask &= ~(UINT64_C(1) << (SIGSEGV - 1));
    ps_unlock(&ps_engine_lock, &mask);
    return result;
}

bool ps_engine_kernel_faults(void)
{
    /* with PS_TRY: the failure of such a touch raises no signal, whose handler would report it */
    return atomic_load_explicit(&mode, memory_order_relaxed) == MODE_UFFD && !ps_segv_started() &&
           !ps_action_is_taken(SIGBUS);
}

int ps_engine_arm(struct ps_region *region, struct ps_error *err)
{
    int result;

    if (atomic_load(&mode) != MODE_SEGV) {
        result = ps_uffd_register(region->start, region->end);
        if (result == 0) {
            region->engine = PS_REGION_UFFD;
            result = sys_mprotect((void *)region->start, region->end - region->start, region->prot);
            if (result < 0)
                return ps_error_set(err, PS_E_NOMEM, -result, "can't open lazy memory");
            return 0;
        }
    }
    /* also when something else in the process watches this memory already (EBUSY) */
    region->engine = PS_REGION_SEGV;
    ps_valgrind_ask(PS_VALGRIND_IS_DEFINED, region->start, region->end - region->start);
    return ps_segv_start(err);
}

void ps_engine_rearm(const struct ps_region *region)
{
    if (region->engine != PS_REGION_UFFD) {
        /* protections move with the memory, but it may have grown */
        ps_valgrind_ask(PS_VALGRIND_IS_DEFINED, region->start, region->end - region->start);
        return;
    }
    if (ps_uffd_register(region->start, region->end) == 0)
        return;
    /* where SIGSEGV can't be handled either, a touch ends the program, but shows no hole */
    sys_mprotect((void *)region->start, region->end - region->start, PROT_NONE);
    ps_region_set_engine(region->start, region->end, PS_REGION_SEGV);
    ps_segv_start(NULL);
}

bool ps_engine_close(const struct ps_region *region, uintptr_t from, uintptr_t to, bool or_all)
{
    return region->engine != PS_REGION_SEGV ||
           sys_mprotect((void *)from, to - from, PROT_NONE) == 0 ||
           (or_all &&
            sys_mprotect((void *)region->start, region->end - region->start, PROT_NONE) == 0);
}

/* Whoever may wait, at all places that show the bytes */
static void wake_all(const struct ps_image *image, uint64_t offset, uint64_t size)
{
    struct ps_region region;

    for (uintptr_t at = 0; ps_region_next_of(image, at, &region); at = region.end) {
        uint64_t length = region.end - region.start, from, to;
        ps_image_put(region.image);
        if (region.engine != PS_REGION_UFFD || offset + size <= region.offset ||
            offset >= region.offset + length)
            continue;
        from = offset > region.offset ? offset - region.offset : 0;
        to = offset + size - region.offset;
        to = ps_page_round(to < length ? to : length); /* the kernel refuses part of a page */
        ps_uffd_wake(region.start + from, to - from);
    }
}

void ps_engine_published(const struct ps_image *image, uint64_t offset, uint64_t size)
{
    uintptr_t page;

    if (atomic_load(&mode) == MODE_SEGV)
        return; /* touchers wait for the block table themselves */
    while ((page = ps_asleep_take(image, offset, size)) != 0)
        ps_uffd_wake(page, ps_page_round(1));
    if (!ps_asleep_all()) /* after the fence in there, with which the list is full before it is seen
                           */
        wake_all(image, offset, size);
}

/* The kernel forgets its watch, but not who waits; and a fetch wakes those of regions only. */
static void wake_waiting(uintptr_t start, uintptr_t end)
{
    enum mode now = atomic_load(&mode);

    if (now == MODE_UFFD || now == MODE_UFFD_USER) {
        ps_asleep_forget(start, end);
        ps_uffd_wake(start, end - start);
    }
}

void ps_engine_forget(uintptr_t start, uintptr_t end)
{
    ps_fail_forget(start, end);
    wake_waiting(start, end);
}

void ps_engine_moved(uintptr_t start, uintptr_t end, uintptr_t to)
{
    ps_fail_move(start, end, to);
    wake_waiting(start, end);
}

/* --- fork ---------------------------------------------------------------------- */

/* Evictions of the parent, until it knows of the child, close its own memory only. */
static void close_segv(void)
{
    struct ps_region region;

    for (uintptr_t at = 0; ps_region_next(at, UINTPTR_MAX, &region); at = region.end) {
        ps_image_put(region.image);
        if (region.engine == PS_REGION_SEGV)
            sys_mprotect((void *)region.start, region.end - region.start, PROT_NONE);
    }
}

/*
 * A child inherits the mappings, but not their userfaultfd: a hole that it
 * touched would become a page of zeros, in the shared image, for its parent
 * too. So everything is watched again here, before the child's own code runs.
 */
void ps_engine_fork_child(void)
{
    enum mode was = atomic_load(&mode);
    struct ps_region region;
    uint64_t mask;

    close_segv();
    if (was != MODE_UFFD && was != MODE_UFFD_USER)
        return;
    ps_uffd_fork_child();
    if (ps_region_count() == 0) {
        atomic_store(&mode, MODE_NONE); /* chosen again if the child maps something */
        return;
    }
    if (ps_uffd_start(uffd_kind) < 0) {
        atomic_store(&mode, MODE_SEGV);
        ps_segv_start(NULL);
    }
    ps_region_lock(&mask);
    for (uintptr_t at = 0; ps_region_next(at, UINTPTR_MAX, &region); at = region.end) {
        ps_image_put(region.image);
        if (region.engine != PS_REGION_UFFD)
            continue;
        if (atomic_load(&mode) != MODE_SEGV) {
            ps_engine_rearm(&region);
            continue;
        }
        sys_mprotect((void *)region.start, region.end - region.start, PROT_NONE);
        ps_region_set_engine(region.start, region.end, PS_REGION_SEGV);
    }
    ps_region_unlock(&mask);
}

/* --- psctl doctor ---------------------------------------------------------------- */

static size_t add(char *text, size_t size, size_t used, const char *name, int result,
                  const char *detail)
{
    int more;

    if (used >= size)
        return used;
    if (result > 0)
        more = snprintf(text + used, size - used, "  %-10s not tried%s\n", name, detail);
    else if (result == 0)
        more = snprintf(text + used, size - used, "  %-10s works%s\n", name, detail);
    else
        more = snprintf(text + used, size - used, "  %-10s no: %s%s\n", name, strerror(-result),
                        detail);
    return used + (size_t)more;
}

static const char *chosen(void)
{
    switch (atomic_load(&mode)) {
    case MODE_UFFD:
        return uffd_kind == PS_UFFD_DEVICE ? "uffd (by /dev/userfaultfd): the first that works"
                                           : "uffd: the first that works";
    case MODE_UFFD_USER:
        return "uffd-user: buffers of system calls are resolved by the shim first";
    case MODE_SEGV:
        return "segv: slower first touches; all else is the same";
    default:
        return "none";
    }
}

static const char *advice(void)
{
    if (atomic_load(&mode) == MODE_UFFD)
        return "nothing to improve";
    if (atomic_load(&mode) == MODE_UFFD_USER)
        return "to catch the kernel's touches too: sysctl vm.unprivileged_userfaultfd=1, or rw "
               "access to /dev/userfaultfd";
    if (tried[PS_UFFD_USER] == -EPERM || tried[PS_UFFD_USER] == -ENOSYS)
        return "userfaultfd is refused here (a container's seccomp profile?): allow userfaultfd(2) "
               "in it, or give it --device /dev/userfaultfd";
    return "use a kernel with userfaultfd for shared memory (Linux 4.11)";
}

PS_API int ps_engine_describe(char *text, size_t size, struct ps_error *err)
{
    size_t used = 0;
    int result;

    ps_error_clear(err);
    if (size == 0)
        return ps_error_set(err, PS_E_INVALID, 0, "no room for a text");
    text[0] = '\0';
    result = ps_engine_start(err);
    used = add(text, size, used, "uffd", tried[PS_UFFD_DEVICE], " (by /dev/userfaultfd)");
    used = add(text, size, used, "uffd", tried[PS_UFFD_SYSCALL], " (by the system call)");
    used = add(text, size, used, "uffd-user", tried[PS_UFFD_USER],
               " (touches by the program's own code only)");
    used = add(text, size, used, "segv", 0, " (needs nothing)");
    if (used < size && result == 0)
        used += (size_t)snprintf(text + used, size - used, "engine: %s\nadvice: %s\n", chosen(),
                                 advice());
    if (used < size && !ps_image_sparse_memfd())
        snprintf(text + used, size - used,
                 "images: huge pages are on for shared memory; images are files in /dev/shm\n");
    return result;
}

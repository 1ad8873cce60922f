/*
 * uffd.c: the userfaultfd engine; see engine.h
 *
 * The thread here never waits for a fetch: it reads events, queues requests
 * and goes on. Whether a touch that comes a second time had its fetch fail, it
 * knows from a small table of the touches that it queued for.
 */
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/guard.h"
#include "base/hold.h"
#include "base/lock.h"
#include "base/sys.h"
#include "base/valgrind.h"
#include "engine/asleep.h"
#include "fetch.h"
#include "profile.h"
#include "report.h"
#include "stats.h"
#include "touch.h"
#include "where.h"
#include "work.h"

/* What Debian 12's headers (Linux 6.1) don't have yet. */
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif
struct poison { /* struct uffdio_poison, Linux 6.6 */
    struct uffdio_range range;
    uint64_t mode;
    int64_t updated;
};
#define IOC_POISON _IOWR(UFFDIO, 0x08, struct poison)

enum {
    EVENTS = 64,
    WAYS = 4,
    SETS = 1024,
    PENDING = 256,
    TICK_MS = 2,
    LOOK_MS = 500,
    PROBE_MS = 2000
};
enum { SPINS = 100 }; /* reads of the descriptor before it sleeps: some 20 microseconds */

static int uffd = -1;
static uintptr_t page_size;
static struct ps_engine_counts *counts;

/* --- the probe: a page of a memfd, touched by the thread that then serves ------ */

enum { PROBE_TOUCHING, PROBE_TOUCHED, PROBE_SERVE, PROBE_END };

static struct probe {
    volatile char *page;
    _Atomic uint32_t step;
    char seen;
} probe;

/* --- faults -------------------------------------------------------------------- */

/* Touches for which a fetch was queued: the page, and ps_fetch_clock() before that. */
static struct touch {
    uintptr_t page;
    uint64_t since;
} touches[SETS][WAYS];

/* Touches that nobody else will wake: the block is being fetched by another process. */
static struct pending {
    struct ps_image *image; /* with a reference */
    uint64_t block;
    uintptr_t page;
    struct ps_patience patience;
} pendings[PENDING];
static unsigned pending_count;

/* When to look for touches whose fetch is past its deadline, by ps_now_ms(); 0: there are none. */
static uint64_t look_ms;

static struct touch *touch_of(uintptr_t page, bool make)
{
    struct touch *set = touches[(page / page_size * 0x9e3779b97f4a7c15ULL >> 32) % SETS];
    int oldest = 0;

    for (int i = 0; i < WAYS; i++) {
        if (set[i].page == page)
            return &set[i];
        if (set[i].since < set[oldest].since)
            oldest = i;
    }
    return make ? &set[oldest] : NULL;
}

/* A touch that is listed, and nobody else will wake */
static void wake(uintptr_t page)
{
    ps_asleep_remove(page);
    ps_uffd_wake(page, page_size);
}

static void pend(struct ps_image *image, uint64_t block, uintptr_t page)
{
    if (pending_count == PENDING || !ps_image_get(image)) {
        wake(page); /* it touches again, and comes back */
        return;
    }
    pendings[pending_count++] = (struct pending){image, block, page, {.since = ps_run_ns()}};
}

static void look_at_pending(void)
{
    for (unsigned i = 0; i < pending_count;) {
        struct pending *at = &pendings[i];
        if (ps_table_state(at->image->table, at->block) == PS_BLOCK_LOADING) {
            ps_fetch_look(at->image, at->block, &at->patience);
            i++;
            continue;
        }
        wake(at->page);
        ps_image_put(at->image);
        *at = pendings[--pending_count];
    }
}

/* The fetch that this page waited for failed: SIGBUS for the toucher, and one line. */
static void fail(const struct ps_region *region, uintptr_t page, const struct ps_error *error,
                 int thread)
{
    uint64_t offset = region->offset + (page - region->start);
    struct ps_registers registers;
    bool known = ps_where_blocked(&registers, thread);

    ps_report_touch(region->image, offset, page_size, error, page, known ? &registers : NULL);
    ps_fail_page(region, page, page_size, error);
    wake(page);
}

/* thread: that touched it, or 0 where the kernel does not tell */
static void handle_fault(uintptr_t page, int thread)
{
    struct ps_region region;
    struct ps_error error = {0};
    struct touch *touch;
    uint64_t block;

    if (!ps_region_find(page, &region)) {
        ps_uffd_wake(page, page_size); /* unmapped meanwhile */
        return;
    }
    if (region.engine != PS_REGION_UFFD) { /* something else was mapped there meanwhile */
        ps_uffd_wake(page, page_size);
        ps_image_put(region.image);
        return;
    }
    ps_stats_count(&region.image->record->faults, 1);
    block = (region.offset + (page - region.start)) / region.image->table->block_size;
    touch = touch_of(page, false);
    ps_asleep_add(region.image, region.offset + (page - region.start), page);
    if (ps_table_state(region.image->table, block) == PS_BLOCK_READY) {
        wake(page); /* it came between the touch and this line */
    } else if (ps_touch_now(region.image, block, (enum ps_advice)region.advice)) {
        /* and was published: the toucher is awake */
    } else if (touch != NULL && ps_table_state(region.image->table, block) == PS_BLOCK_FAILED &&
               ps_fetch_failure(region.image, block, touch->since, &error)) {
        touch->page = 0;
        fail(&region, page, &error, thread);
    } else if (ps_work_check(&error) < 0) {
        fail(&region, page, &error, thread);
    } else {
        touch = touch_of(page, true);
        *touch = (struct touch){page, ps_fetch_clock()};
        ps_profile_touched(region.image, block, thread);
        if (look_ms == 0)
            look_ms = ps_now_ms() + LOOK_MS;
        if (!ps_touch_start(region.image, block, 1, (enum ps_advice)region.advice))
            pend(region.image, block, page);
        else if (ps_table_state(region.image->table, block) == PS_BLOCK_READY)
            /* another process made it ready just now: its wake-ups don't reach this one */
            wake(page);
    }
    ps_image_put(region.image);
}

/*
 * The next events. A thread that touches one page often touches another soon:
 * asking for a while before sleeping saves a wake-up, which costs more than all else.
 */
static long poll_and_read(struct uffd_msg *events, size_t size)
{
    struct pollfd ready = {.fd = uffd, .events = POLLIN};
    struct timespec tick = {0, (pending_count > 0 ? TICK_MS : LOOK_MS) * 1000000};
    long got;

    if (pending_count > 0)
        look_at_pending();
    if (look_ms != 0 && ps_now_ms() >= look_ms)
        look_ms = ps_fetch_expire() ? ps_now_ms() + LOOK_MS : 0;
    for (int i = 0; i < SPINS; i++) {
        got = sys_read(uffd, events, size);
        if (got != -EAGAIN)
            return got;
    }
    sys_call6(SYS_ppoll, (long)&ready, 1, pending_count > 0 || look_ms != 0 ? (long)&tick : 0, 0, 8,
              0);
    got = sys_read(uffd, events, size);
    if (got > 0)
        ps_stats_count(&counts->wakeups, 1);
    return got;
}

static void serve(void)
{
    struct uffd_msg events[EVENTS];

    for (;;) {
        long got = poll_and_read(events, sizeof(events));

        if (got == -EBADF || got == 0)
            return;
        if (got < 0)
            continue;
        ps_stats_count(&counts->batches, 1);
        ps_stats_count(&counts->events, (uint64_t)got / sizeof(events[0]));
        for (long i = 0; i < got / (long)sizeof(events[0]); i++)
            if (events[i].event == UFFD_EVENT_PAGEFAULT)
                handle_fault((uintptr_t)events[i].arg.pagefault.address & ~(page_size - 1),
                             (int)events[i].arg.pagefault.feat.ptid);
    }
}

static void *thread(void *unused)
{
    (void)unused;
    ps_guard_enter();
    ps_signals_none();
    prctl(PR_SET_NAME, "ps-fault");
    probe.seen = *probe.page;
    atomic_store(&probe.step, PROBE_TOUCHED);
    ps_wake(&probe.step, 1, false);
    while (atomic_load(&probe.step) == PROBE_TOUCHED)
        ps_wait(&probe.step, PROBE_TOUCHED, 0, false);
    if (atomic_load(&probe.step) == PROBE_SERVE)
        serve();
    return NULL;
}

/* --- start --------------------------------------------------------------------- */

static int open_device(void)
{
    int device = sys_openat(AT_FDCWD, "/dev/userfaultfd", O_RDWR | O_CLOEXEC, 0);
    int fd;

    if (device < 0)
        return device;
    fd = sys_ioctl(device, USERFAULTFD_IOC_NEW, (void *)(uintptr_t)(O_CLOEXEC | O_NONBLOCK));
    sys_close(device);
    return fd;
}

static int open_with(enum ps_uffd_kind kind, uint64_t features)
{
    struct uffdio_api api = {.api = UFFD_API, .features = features};
    int fd, result;

    if (kind == PS_UFFD_DEVICE)
        fd = open_device();
    else
        fd = sys_userfaultfd(O_CLOEXEC | O_NONBLOCK |
                             (kind == PS_UFFD_USER ? UFFD_USER_MODE_ONLY : 0));
    if (fd < 0)
        return fd;
    result = sys_ioctl(fd, UFFDIO_API, &api);
    if (result == 0 && !(api.features & UFFD_FEATURE_MISSING_SHMEM))
        result = -EOPNOTSUPP;
    if (result < 0) {
        sys_close(fd);
        return result;
    }
    return ps_hold(fd, false);
}

/* Linux before 4.14 does not tell which thread it was. */
static int open_kind(enum ps_uffd_kind kind)
{
    int fd = open_with(kind, UFFD_FEATURE_THREAD_ID);

    return fd == -EINVAL ? open_with(kind, 0) : fd;
}

/* One event must come for the page; then one byte, written by the way that fetches use. */
static int serve_probe(int memory)
{
    struct pollfd ready = {.fd = uffd, .events = POLLIN};
    struct timespec limit = {PROBE_MS / 1000, PROBE_MS % 1000 * 1000000L};
    struct uffd_msg event;
    long got;

    do { /* of the program's signals; the kernel takes what has passed off the limit */
        got = sys_call6(SYS_ppoll, (long)&ready, 1, (long)&limit, 0, 8, 0);
    } while (got == -EINTR);
    if (got != 1 || sys_read(uffd, &event, sizeof(event)) != sizeof(event) ||
        event.event != UFFD_EVENT_PAGEFAULT || sys_pwrite(memory, "x", 1, 0) != 1)
        return -EIO;
    ps_uffd_wake((uintptr_t)probe.page, page_size);
    for (int i = 0; i < 10 && atomic_load(&probe.step) == PROBE_TOUCHING; i++)
        ps_wait(&probe.step, PROBE_TOUCHING, PROBE_MS / 10, false);
    return atomic_load(&probe.step) == PROBE_TOUCHED && probe.seen == 'x' ? 0 : -EIO;
}

static int prove_and_serve(int memory)
{
    struct ps_error err = {0};
    void *page;
    int result;

    if (sys_ftruncate(memory, (off_t)page_size) < 0)
        return -ENOMEM;
    /* PROT_NONE first: mlockall(MCL_FUTURE) would otherwise fill it before it is watched */
    page = sys_mmap(NULL, page_size, PROT_NONE, MAP_PRIVATE, memory, 0);
    if (is_sys_error(page))
        return (int)(long)page;
    probe.page = page;
    atomic_store(&probe.step, PROBE_TOUCHING);
    result = ps_uffd_register((uintptr_t)page, (uintptr_t)page + page_size);
    if (result == 0)
        result = sys_mprotect(page, page_size, PROT_READ);
    if (result == 0 && ps_work_thread(thread, NULL, &err) < 0)
        result = err.sys_errno ? -err.sys_errno : -EAGAIN;
    else if (result == 0) {
        result = serve_probe(memory);
        if (result < 0) {
            /* a thread that still waits in its touch is let go by the close: it sees a zero */
            ps_unhold(uffd);
            uffd = -1;
        }
        while (atomic_load(&probe.step) == PROBE_TOUCHING)
            ps_wait(&probe.step, PROBE_TOUCHING, PROBE_MS, false);
        atomic_store(&probe.step, result == 0 ? PROBE_SERVE : PROBE_END);
        ps_wake(&probe.step, 1, false);
    }
    sys_munmap(page, page_size);
    return result;
}

int ps_uffd_start(enum ps_uffd_kind kind)
{
    int fd = ps_in_valgrind() ? -ENOSYS : open_kind(kind), memory, result;

    if (fd < 0)
        return fd;
    page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    pending_count = 0;
    counts = ps_stats_engine(kind == PS_UFFD_USER ? PS_BOARD_UFFD_USER : PS_BOARD_UFFD);
    uffd = fd;
    memory = sys_memfd_create("ps:probe", 1 /* MFD_CLOEXEC */);
    result = memory < 0 ? memory : prove_and_serve(memory);
    if (memory >= 0)
        sys_close(memory);
    if (result < 0) {
        ps_unhold(uffd);
        uffd = -1;
    }
    return result;
}

int ps_uffd_register(uintptr_t start, uintptr_t end)
{
    struct uffdio_register range = {.range = {start, end - start},
                                    .mode = UFFDIO_REGISTER_MODE_MISSING};

    return sys_ioctl(uffd, UFFDIO_REGISTER, &range);
}

void ps_uffd_wake(uintptr_t start, uint64_t size)
{
    struct uffdio_range range = {start, size};

    sys_ioctl(uffd, UFFDIO_WAKE, &range);
}

int ps_uffd_poison(uintptr_t page, uint64_t size)
{
    struct poison poison = {.range = {page, size}};

    return sys_ioctl(uffd, IOC_POISON, &poison);
}

int ps_uffd_fork_child(void)
{
    /* the parent's thread may be in the middle of one: their references stay, as those of others */
    pending_count = 0;
    ps_asleep_forget(0, UINTPTR_MAX);
    ps_unhold(uffd); /* it watches the parent's memory */
    uffd = -1;
    return 0;
}

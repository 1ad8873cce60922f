/* profile.c: see profile.h. All but ps_profile_start runs in signal handlers and at faults. */
#include "profile.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>

#include "../unwind/waits.h"
#include "base/clock.h"
#include "base/hold.h"
#include "base/lock.h"
#include "base/sys.h"
#include "config.h"
#include "fork.h"
#include "region.h"
#include "report.h"
#include "where.h"

enum {
    FOLDER_MAX = 480,  /* a handler's stack may be small */
    STACK = 16 << 10,  /* bytes of a stack, at most */
    STACKS_MAX = 8192, /* of a process; later waits are written without */
    SHARE = 40,        /* of the time that was waited, one in so many may go into writing */
};

_Atomic bool ps_profile_on;
static const char *folder; /* set before it is on */

enum state { CLOSED, OPENING, OPEN };
static _Atomic uint32_t state;
static int file = -1; /* held, while OPEN; -1: could not be had */
static _Atomic uint32_t stacks;

static _Atomic uint64_t waited_ns, spent_ns; /* what is too expensive is left out */
static _Atomic uint64_t left_out, left_out_ns;

static void fill(struct ps_waits *record, enum ps_waits_kind kind, const struct ps_image *image,
                 uint64_t first, uint64_t count)
{
    memset(record, 0, sizeof(*record));
    record->kind = kind;
    record->when_ns = ps_now_ns();
    if (image == NULL)
        return;
    record->name_size = (uint32_t)strlen(image->proxy->object);
    record->block_size = image->table->block_size;
    record->object_size = image->table->size;
    record->offset = first * image->table->block_size;
    record->bytes = count * image->table->block_size;
}

/* Where waits are short, writing would cost more than a few in a hundred: some are left out. */
static bool is_affordable(void)
{
    const uint64_t begin = UINT64_C(50000000); /* so that the first are written */

    return atomic_load(&spent_ns) * SHARE < atomic_load(&waited_ns) + begin;
}

static void append(const struct ps_waits *record, const char *name, const void *data)
{
    static const char mark[] = PS_WAITS_MARK;
    const struct iovec parts[] = {{(void *)(uintptr_t)mark, PS_WAITS_MARK_SIZE},
                                  {(void *)(uintptr_t)record, sizeof(*record)},
                                  {(void *)(uintptr_t)name, record->name_size},
                                  {(void *)(uintptr_t)data, record->data_size}};

    ps_report_writev(file, parts, 4);
}

/* --- the file ------------------------------------------------------------------------ */

static void append_maps(enum ps_waits_kind kind)
{
    struct ps_waits record;
    char text[1024];
    int maps = sys_openat(AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
    ssize_t got;

    if (maps < 0)
        return;
    fill(&record, kind, NULL, 0, 0);
    while ((got = sys_read(maps, text, sizeof(text))) > 0) {
        record.data_size = (uint32_t)got;
        append(&record, NULL, text);
        record.kind = PS_WAITS_MAPS;
    }
    sys_close(maps);
}

static void open_file(void)
{
    char path[FOLDER_MAX + 32];
    struct ps_text text = ps_text_begin(path, sizeof(path));
    int fd;

    ps_text_add(&text, folder);
    ps_text_add(&text, "/");
    ps_text_number(&text, (uint64_t)sys_getpid());
    fd = sys_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    file = fd >= 0 ? ps_hold(fd, false) : -1;
    if (file >= 0)
        append_maps(PS_WAITS_PROGRAM);
}

/* A vforked child has descriptors of its own: it uses what there is, and opens none. */
static bool is_open(void)
{
    uint32_t seen = CLOSED;
    uint64_t mask;

    if (atomic_load(&state) == OPEN)
        return file >= 0;
    if (!ps_fork_at_home())
        return false;
    ps_signals_block(&mask); /* a handler in between would wait for its own thread */
    if (atomic_compare_exchange_strong(&state, &seen, OPENING)) {
        open_file();
        atomic_store(&state, OPEN);
        ps_wake(&state, INT_MAX, false);
    }
    while (atomic_load(&state) == OPENING)
        ps_wait(&state, OPENING, 0, false);
    ps_signals_restore(&mask);
    return file >= 0;
}

/* --- waits --------------------------------------------------------------------------- */

/* How much there may be to write: lazy memory, which may lie above a stack, must not be touched. */
static uint32_t stack_size(uint64_t from)
{
    struct ps_region region;
    uint32_t size = STACK;

    if (atomic_fetch_add(&stacks, 1) >= STACKS_MAX)
        return 0;
    if (!ps_region_near(from, size) || !ps_region_next(from, from + size, &region))
        return size;
    ps_image_put(region.image);
    return region.start > from ? (uint32_t)(region.start - from) : 0;
}

static void append_stack(struct ps_waits *record, const struct ps_image *image)
{
    uint64_t from = record->registers.value[PS_REGISTER_SP];

    record->data_size = stack_size(from);
    /* where the stack ends before, so does what is written */
    append(record, image->proxy->object, (const void *)(uintptr_t)from);
}

void ps_profile_waited(const struct ps_image *image, uint64_t first, uint64_t count,
                       uint64_t began_ns)
{
    struct ps_waits record;
    uint64_t now_ns;

    if (!ps_profile_is_on() || !is_open())
        return;
    fill(&record, PS_WAITS_CALL, image, first, count);
    now_ns = record.when_ns;
    record.ns = now_ns - began_ns;
    record.when_ns = began_ns;
    atomic_fetch_add(&waited_ns, record.ns);
    if (!is_affordable()) {
        atomic_fetch_add(&left_out, 1);
        atomic_fetch_add(&left_out_ns, record.ns);
        return;
    }
    record.left_out = atomic_exchange(&left_out, 0);
    record.left_out_ns = atomic_exchange(&left_out_ns, 0);
    ps_where_here(&record.registers);
    append_stack(&record, image);
    atomic_fetch_add(&spent_ns, ps_now_ns() - now_ns);
}

void ps_profile_touched(const struct ps_image *image, uint64_t block, int thread)
{
    struct ps_waits record;

    if (!ps_profile_is_on() || !is_open() || !is_affordable())
        return;
    fill(&record, PS_WAITS_TOUCH, image, block, 1);
    if (ps_where_blocked(&record.registers, thread))
        append_stack(&record, image);
    else
        append(&record, image->proxy->object, NULL);
    atomic_fetch_add(&spent_ns, ps_now_ns() - record.when_ns);
}

void ps_profile_arrived(const struct ps_image *image, uint64_t first, uint64_t count,
                        uint64_t began_ns, uint64_t fault_ns)
{
    struct ps_waits record;
    uint64_t now_ns;

    if (!ps_profile_is_on() || !is_open())
        return;
    fill(&record, PS_WAITS_ARRIVAL, image, first, count);
    now_ns = record.when_ns;
    record.ns = now_ns - began_ns;
    record.when_ns = began_ns;
    if (fault_ns != 0)
        atomic_fetch_add(&waited_ns, now_ns - fault_ns);
    append(&record, image->proxy->object, NULL);
    atomic_fetch_add(&spent_ns, ps_now_ns() - now_ns);
}

void ps_profile_fork_child(void)
{
    if (atomic_load(&state) == OPEN && file >= 0)
        ps_unhold(file);
    file = -1;
    atomic_store(&state, CLOSED);
    atomic_store(&stacks, 0);
    atomic_store(&waited_ns, 0);
    atomic_store(&spent_ns, 0);
    atomic_store(&left_out, 0);
    atomic_store(&left_out_ns, 0);
}

/* Libraries that were loaded meanwhile */
__attribute__((destructor)) static void at_exit(void)
{
    if (ps_profile_is_on() && atomic_load(&state) == OPEN && file >= 0)
        append_maps(PS_WAITS_MAPS);
}

/* --- not in a handler ------------------------------------------------------------------ */

void ps_profile_start(void)
{
    const struct ps_config *config = ps_config_get(NULL);

    if (ps_profile_is_on() || config == NULL || config->profile == NULL ||
        strlen(config->profile) > FOLDER_MAX)
        return;
    folder = config->profile;
    atomic_store(&ps_profile_on, true);
}

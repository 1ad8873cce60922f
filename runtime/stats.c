/* stats.c: see stats.h */
#include "stats.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <ps/ps.h>

#include "base/hold.h"
#include "base/sys.h"
#include "config.h"
#include "region.h"
#include "report.h"

static pthread_mutex_t board_lock = PTHREAD_MUTEX_INITIALIZER; /* protects the choice of board */
/* Made once; whoever asks for statistics looks at it without the lock. */
static _Atomic(struct ps_board *) board;
static struct ps_record overflow; /* for what finds no record; not reported */
static struct ps_engine_counts uncounted[PS_BOARD_ENGINES]; /* without a board */
static int at_exit = -1; /* PS_STATS=stderr: that, as it was at the first proxy */
static int owner;        /* process that made the board; its children only count in it */

static int map_board(struct ps_board **out, int fd, struct ps_error *err)
{
    struct stat st;
    struct ps_board *map;

    if (sys_fstat(fd, &st) < 0 || (size_t)st.st_size < sizeof(*map))
        return ps_error_set(err, PS_E_INVALID, 0, "no board");
    map = sys_mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (is_sys_error(map))
        return ps_error_set(err, PS_E_SYSTEM, (int)-(long)map, "can't map the board");
    if (map->magic != PS_BOARD_MAGIC || map->records != PS_BOARD_RECORDS) {
        sys_munmap(map, sizeof(*map));
        return ps_error_set(err, PS_E_INVALID, 0, "no board");
    }
    *out = map;
    return 0;
}

/*
 * The board that PS_STATS names, or NULL. A wrong file is not written to, and
 * said to be one. Not so where psctl run made the board: a process that
 * outlives it finds the board's path gone, and nobody is left to read it.
 */
static struct ps_board *open_board(const char *path)
{
    struct ps_board *map = NULL;
    struct ps_error error = {0};
    int fd = sys_openat(AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);

    if (fd < 0) {
        ps_error_set(&error, PS_E_SYSTEM, -fd, "can't open the board");
    } else {
        map_board(&map, fd, &error);
        sys_close(fd);
    }
    if (map == NULL && strncmp(path, "/proc/", 6) != 0)
        ps_report_open(path, &error, "PS_STATS");
    return map;
}

/* Shared with children, so that what they count is seen here. */
static struct ps_board *own_board(void)
{
    struct ps_board *map = sys_mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return is_sys_error(map) ? NULL : map;
}

static struct ps_board *get_board(void)
{
    const struct ps_config *config = ps_config_get(NULL);

    pthread_mutex_lock(&board_lock);
    if (board == NULL && config != NULL && config->stats != NULL) {
        if (strcmp(config->stats, "stderr") != 0)
            board = open_board(config->stats);
        else if (at_exit < 0 &&
                 ps_report_is_heard()) /* many programs close theirs before they end */
            at_exit = ps_hold(sys_fcntl(2, F_DUPFD_CLOEXEC, 3), false);
    }
    if (board == NULL) {
        board = own_board();
        owner = sys_getpid();
    }
    pthread_mutex_unlock(&board_lock);
    return board;
}

void ps_stats_fork_child(void)
{
    pthread_mutex_init(&board_lock, NULL);
}

/* FNV-1a (Fowler, Noll, Vo), 64 bits; never 0 */
static uint64_t hash(const struct ps_proxy *proxy)
{
    const char *parts[] = {proxy->object, proxy->version};
    uint64_t value = 0xcbf29ce484222325 ^ proxy->offset;

    for (int i = 0; i < 2; i++)
        for (const char *c = parts[i]; *c != '\0'; c++)
            value = (value ^ (unsigned char)*c) * 0x100000001b3;
    return value ? value : 1;
}

static void fill(struct ps_record *record, const struct ps_proxy *proxy, int direct)
{
    record->direct = (uint32_t)direct;
    record->size = proxy->size;
    memcpy(record->object, proxy->object, sizeof(record->object) - 1);
    __atomic_store_n(&record->state, 2, __ATOMIC_RELEASE);
}

/*
 * Records are found by hash and linear probing, and taken by setting id. All
 * who look for one object begin at the same record, so the second meets the
 * id of the first, and may count in it before it is filled.
 */
struct ps_record *ps_stats_record(const struct ps_proxy *proxy, int direct)
{
    struct ps_board *to = get_board();
    uint64_t id = hash(proxy);

    if (to == NULL)
        return &overflow;
    for (unsigned i = 0; i < PS_BOARD_RECORDS; i++) {
        struct ps_record *record = &to->record[(id + i) % PS_BOARD_RECORDS];
        uint64_t taken = 0;
        if (__atomic_compare_exchange_n(&record->id, &taken, id, 0, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
            fill(record, proxy, direct);
            return record;
        }
        if (taken == id)
            return record;
    }
    __atomic_fetch_add(&to->dropped, 1, __ATOMIC_RELAXED);
    return &overflow;
}

struct ps_engine_counts *ps_stats_engine(enum ps_board_engine engine)
{
    struct ps_board *to = board;

    return to != NULL ? &to->engine[engine] : &uncounted[engine];
}

static uint64_t value(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void add_record(struct ps_stats *out, uint64_t *stall_times, const struct ps_record *record)
{
    out->objects++;
    out->size += record->size;
    out->fetched += value(&record->fetched);
    out->requests += value(&record->requests);
    out->faults += value(&record->faults);
    out->stalls += value(&record->stalls);
    out->stalled_ns += value(&record->stalled_ns);
    out->failures += value(&record->failures);
    out->evicted += value(&record->evicted);
    out->wasted += value(&record->wasted);
    out->resident += value(&record->resident);
    out->cached += value(&record->cached);
    for (unsigned i = 0; i < PS_STALL_BUCKETS; i++)
        stall_times[i] += value(&record->stall_times[i]);
}

/* All that is on the board. */
static void add_board(struct ps_stats *out, uint64_t *stall_times, const struct ps_board *from)
{
    for (unsigned i = 0; i < PS_BOARD_RECORDS; i++)
        if (__atomic_load_n(&from->record[i].state, __ATOMIC_ACQUIRE) == 2)
            add_record(out, stall_times, &from->record[i]);
    for (unsigned i = 0; i < PS_BOARD_ENGINES; i++) {
        out->events += value(&from->engine[i].events);
        out->batches += value(&from->engine[i].batches);
        out->wakeups += value(&from->engine[i].wakeups);
    }
}

PS_API int ps_stats_get(const void *address, struct ps_stats *out, struct ps_error *err)
{
    struct ps_stats sum = {.struct_size = sizeof(sum)};
    uint64_t stall_times[PS_STALL_BUCKETS] = {0};
    struct ps_region region;
    size_t size = out->struct_size;

    ps_error_clear(err);
    if (size < sizeof(size) || size > 4096)
        return ps_error_set(err, PS_E_INVALID, 0, "struct_size of struct ps_stats is not set");
    if (address != NULL) {
        if (!ps_region_find((uintptr_t)address, &region))
            return ps_error_set(err, PS_E_INVALID, 0, "no lazy map at %p", address);
        add_record(&sum, stall_times, region.image->record);
        ps_image_put(region.image);
    } else if (board != NULL) {
        add_board(&sum, stall_times, board);
    }
    sum.stall_p50_ns = ps_stall_quantile(stall_times, 50);
    sum.stall_p99_ns = ps_stall_quantile(stall_times, 99);
    if (size > sizeof(sum))
        size = sizeof(sum);
    memcpy(out, &sum, size);
    return 0;
}

/* PS_STATS=stderr. Only prints: other exit handlers of the program still read. */
__attribute__((destructor)) static void print_at_exit(void)
{
    if (at_exit < 0 || board == NULL || owner != sys_getpid())
        return;
    for (unsigned i = 0; i < PS_BOARD_RECORDS; i++) {
        const struct ps_record *record = &board->record[i];
        char line[640];
        int length;

        if (__atomic_load_n(&record->state, __ATOMIC_ACQUIRE) != 2)
            continue;
        length = snprintf(
            line, sizeof(line),
            "libps: %s: %llu of %llu bytes fetched, %llu requests, %llu faults, "
            "%llu stalls, %.3f s stalled%s\n",
            record->object, (unsigned long long)value(&record->fetched),
            (unsigned long long)record->size, (unsigned long long)value(&record->requests),
            (unsigned long long)value(&record->faults), (unsigned long long)value(&record->stalls),
            (double)value(&record->stalled_ns) / 1e9, record->direct ? ", direct" : "");
        ps_report_write(at_exit, line,
                        length < (int)sizeof(line) ? (size_t)length : sizeof(line) - 1);
    }
}

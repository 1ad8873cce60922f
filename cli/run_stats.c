/* run_stats.c: what the processes of psctl run have counted */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ps/stats.h>

#include "psctl.h"

#define NAME_WIDTH 40

struct ps_board *stats_open(int *fd)
{
    struct ps_board *board;

    *fd = memfd_create("psctl-stats", MFD_CLOEXEC);
    if (*fd < 0 || ftruncate(*fd, sizeof(*board)) != 0) {
        fail("no memory for the statistics: %s", strerror(errno));
        return NULL;
    }
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    if (board == MAP_FAILED) {
        fail("no memory for the statistics: %s", strerror(errno));
        return NULL;
    }
    board->records = PS_BOARD_RECORDS;
    __atomic_store_n(&board->magic, PS_BOARD_MAGIC, __ATOMIC_RELEASE);
    return board;
}

/* next_record: the next one that is complete, from *at on; a process may still be writing others */
static const struct ps_record *next_record(const struct ps_board *board, unsigned *at)
{
    while (*at < PS_BOARD_RECORDS) {
        const struct ps_record *record = &board->record[(*at)++];

        if (__atomic_load_n(&record->state, __ATOMIC_ACQUIRE) == 2)
            return record;
    }
    return NULL;
}

static void add(struct ps_record *total, const struct ps_record *record)
{
    total->size += record->size;
    total->fetched += record->fetched;
    total->requests += record->requests;
    total->faults += record->faults;
    total->stalls += record->stalls;
    total->stalled_ns += record->stalled_ns;
    total->failures += record->failures;
    total->opens += record->opens;
    total->whole += record->whole;
    total->evicted += record->evicted;
    total->wasted += record->wasted;
    total->resident += record->resident;
    total->cached += record->cached;
    for (unsigned i = 0; i < PS_STALL_BUCKETS; i++)
        total->stall_times[i] += record->stall_times[i];
}

/* object_name: the program that wrote the board may have been broken: bounded, and clean */
static void object_name(const struct ps_record *record, char *name)
{
    memcpy(name, record->object, sizeof(record->object));
    name[sizeof(record->object) - 1] = '\0';
}

/* --- for people -------------------------------------------------------------------------- */

/* print_name: the beginning and the end of a path tell more than its middle and the options */
static void print_name(const char *uri)
{
    size_t length = strlen(uri) <= NAME_WIDTH ? strlen(uri) : strcspn(uri, "?");
    char name[NAME_WIDTH + 1];

    if (length <= NAME_WIDTH)
        snprintf(name, sizeof(name), "%.*s", (int)length, uri);
    else
        snprintf(name, sizeof(name), "%.14s...%.*s", uri, NAME_WIDTH - 17,
                 uri + length - (NAME_WIDTH - 17));
    print_clean(stderr, name);
    fprintf(stderr, "%*s", length < NAME_WIDTH ? (int)(NAME_WIDTH - length) : 0, "");
}

/* print_stalls: how many, how long all of them took, and half and 99 in 100 of them at most */
static void print_stalls(const struct ps_record *record)
{
    char all[32], half[32], most[32];

    fprintf(stderr, " %8llu %10s", (unsigned long long)record->stalls,
            human_time(record->stalled_ns, all, sizeof(all)));
    if (record->stalls == 0)
        fprintf(stderr, " %8s %8s", "-", "-");
    else
        fprintf(stderr, " %8s %8s",
                human_time(ps_stall_quantile(record->stall_times, 50), half, sizeof(half)),
                human_time(ps_stall_quantile(record->stall_times, 99), most, sizeof(most)));
}

static void print_row(const struct ps_record *record, const char *name)
{
    char size[32], fetched[32], percent[16] = "-", held[32];

    if (record->size > 0)
        snprintf(percent, sizeof(percent), "%.1f%%",
                 100.0 * (double)record->fetched / (double)record->size);
    print_name(name);
    fprintf(stderr, " %10s", human_size(record->size, size, sizeof(size)));
    if (record->direct)
        fprintf(stderr, " %10s %7s", "direct", "");
    else
        fprintf(stderr, " %10s %7s", human_size(record->fetched, fetched, sizeof(fetched)),
                percent);
    fprintf(stderr, " %8llu %8llu", (unsigned long long)record->requests,
            (unsigned long long)record->faults);
    print_stalls(record);
    if (record->cached > 0)
        fprintf(stderr, "  %s from the cache", human_size(record->cached, size, sizeof(size)));
    if (record->evicted > 0)
        fprintf(stderr, "  %s dropped, %s at once", human_size(record->evicted, size, sizeof(size)),
                human_size(record->resident, held, sizeof(held)));
    if (record->whole > 0)
        fprintf(stderr, "  made whole %llu times", (unsigned long long)record->whole);
    if (record->failures > 0)
        fprintf(stderr, "  %llu failed", (unsigned long long)record->failures);
    fputc('\n', stderr);
}

static const char *const engine_names[PS_BOARD_ENGINES] = {
    [PS_BOARD_UFFD] = "uffd",
    [PS_BOARD_UFFD_USER] = "uffd-user",
    [PS_BOARD_SEGV] = "segv",
};

static void print_engines(const struct ps_board *board)
{
    for (int i = 0; i < PS_BOARD_ENGINES; i++) {
        const struct ps_engine_counts *engine = &board->engine[i];

        if (engine->events == 0)
            continue;
        fprintf(stderr, "engine %s: %llu events", engine_names[i],
                (unsigned long long)engine->events);
        if (i != PS_BOARD_SEGV)
            fprintf(stderr, " in %llu batches, %llu wake-ups", (unsigned long long)engine->batches,
                    (unsigned long long)engine->wakeups);
        fputc('\n', stderr);
    }
}

void stats_table(const struct ps_board *board)
{
    struct ps_record total = {0};
    const struct ps_record *record;
    unsigned at = 0, count = 0, direct = 0;
    char name[sizeof(total.object)];

    while ((record = next_record(board, &at)) != NULL) {
        if (count++ == 0)
            fprintf(stderr, "%-*s %10s %10s %7s %8s %8s %8s %10s %8s %8s\n", NAME_WIDTH, "object",
                    "size", "fetched", "", "requests", "faults", "stalls", "stalled", "p50", "p99");
        object_name(record, name);
        print_row(record, name);
        add(&total, record);
        direct += record->direct != 0;
    }
    if (count == 0) {
        fputs("psctl: the program met no proxy\n", stderr);
        return;
    }
    snprintf(name, sizeof(name), "total of %u", count);
    print_row(&total, name);
    print_engines(board);
    if (direct > 0)
        fprintf(stderr, "direct: %u opened as the object's own file, nothing moved\n", direct);
    if (board->dropped > 0)
        fprintf(stderr, "not counted: %u objects beyond the first %u\n", board->dropped,
                PS_BOARD_RECORDS);
}

/* --- for programs --------------------------------------------------------------------------- */

static void print_counts(const struct ps_record *record)
{
    fprintf(stderr,
            "\"size\": %llu, \"fetched\": %llu, \"requests\": %llu, \"faults\": %llu, "
            "\"stalls\": %llu, \"stalled_ns\": %llu, \"stall_p50_ns\": %llu, "
            "\"stall_p99_ns\": %llu, \"failures\": %llu, \"opens\": %llu, \"whole\": %llu, "
            "\"evicted\": %llu, "
            "\"wasted\": %llu, \"resident\": %llu, \"cached\": %llu}",
            (unsigned long long)record->size, (unsigned long long)record->fetched,
            (unsigned long long)record->requests, (unsigned long long)record->faults,
            (unsigned long long)record->stalls, (unsigned long long)record->stalled_ns,
            (unsigned long long)ps_stall_quantile(record->stall_times, 50),
            (unsigned long long)ps_stall_quantile(record->stall_times, 99),
            (unsigned long long)record->failures, (unsigned long long)record->opens,
            (unsigned long long)record->whole, (unsigned long long)record->evicted,
            (unsigned long long)record->wasted, (unsigned long long)record->resident,
            (unsigned long long)record->cached);
}

static void print_engine_counts(const struct ps_board *board)
{
    for (int i = 0; i < PS_BOARD_ENGINES; i++)
        fprintf(stderr, "%s\"%s\": {\"events\": %llu, \"batches\": %llu, \"wakeups\": %llu}",
                i == 0 ? ", \"engines\": {" : ", ", engine_names[i],
                (unsigned long long)board->engine[i].events,
                (unsigned long long)board->engine[i].batches,
                (unsigned long long)board->engine[i].wakeups);
    fputc('}', stderr);
}

void stats_json(const struct ps_board *board, int status)
{
    struct ps_record total = {0};
    const struct ps_record *record;
    unsigned at = 0, count = 0;
    char name[sizeof(total.object)];

    fputs("{\"objects\": [", stderr);
    while ((record = next_record(board, &at)) != NULL) {
        object_name(record, name);
        fputs(count++ > 0 ? ", {\"object\": " : "{\"object\": ", stderr);
        json_string(stderr, name);
        fprintf(stderr, ", \"direct\": %s, ", record->direct ? "true" : "false");
        print_counts(record);
        add(&total, record);
    }
    fprintf(stderr, "], \"total\": {\"objects\": %u, ", count);
    print_counts(&total);
    print_engine_counts(board);
    fprintf(stderr, ", \"dropped\": %u, \"status\": %d}\n", board->dropped, status);
}

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
    total->evicted += record->evicted;
    total->wasted += record->wasted;
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

static void print_row(const struct ps_record *record, const char *name)
{
    char size[32], fetched[32], percent[16] = "-", stalled[32];

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
    fprintf(stderr, " %8llu %8llu %8llu %10s", (unsigned long long)record->requests,
            (unsigned long long)record->faults, (unsigned long long)record->stalls,
            human_time(record->stalled_ns, stalled, sizeof(stalled)));
    if (record->evicted > 0)
        fprintf(stderr, "  %s dropped", human_size(record->evicted, size, sizeof(size)));
    if (record->failures > 0)
        fprintf(stderr, "  %llu failed", (unsigned long long)record->failures);
    fputc('\n', stderr);
}

void stats_table(const struct ps_board *board)
{
    struct ps_record total = {0};
    const struct ps_record *record;
    unsigned at = 0, count = 0, direct = 0;
    char name[sizeof(total.object)];

    while ((record = next_record(board, &at)) != NULL) {
        if (count++ == 0)
            fprintf(stderr, "%-*s %10s %10s %7s %8s %8s %8s %10s\n", NAME_WIDTH, "object", "size",
                    "fetched", "", "requests", "faults", "stalls", "stalled");
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
            "\"stalls\": %llu, \"stalled_ns\": %llu, \"failures\": %llu, \"opens\": %llu, "
            "\"evicted\": %llu, \"wasted\": %llu}",
            (unsigned long long)record->size, (unsigned long long)record->fetched,
            (unsigned long long)record->requests, (unsigned long long)record->faults,
            (unsigned long long)record->stalls, (unsigned long long)record->stalled_ns,
            (unsigned long long)record->failures, (unsigned long long)record->opens,
            (unsigned long long)record->evicted, (unsigned long long)record->wasted);
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
    fprintf(stderr, ", \"dropped\": %u, \"status\": %d}\n", board->dropped, status);
}

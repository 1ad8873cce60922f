/* stats.h: where this process counts; see <ps/stats.h> */
#ifndef PS_STATS_INTERNAL_H
#define PS_STATS_INTERNAL_H

#include <ps/proxy.h>
#include <ps/stats.h>

/* ps_stats_record: the record of an object, on the board of PS_STATS or of this process tree.
 * Never NULL, never freed. */
struct ps_record *ps_stats_record(const struct ps_proxy *proxy, int direct);

/*
 * ps_stats_engine: where this process counts what an engine does; never NULL
 *
 * The board is chosen by the first object; an engine that starts without one counts on none.
 */
struct ps_engine_counts *ps_stats_engine(enum ps_board_engine engine);

/* ps_stats_count: add to a counter, with no order: it is no news for anybody */
static inline void ps_stats_count(uint64_t *counter, uint64_t more)
{
    __atomic_fetch_add(counter, more, __ATOMIC_RELAXED);
}

/* ps_stats_stall: a touch or a call waited for ns nanoseconds */
static inline void ps_stats_stall(struct ps_record *record, uint64_t ns)
{
    ps_stats_count(&record->stalls, 1);
    ps_stats_count(&record->stalled_ns, ns);
    ps_stats_count(&record->stall_times[ps_stall_bucket(ns)], 1);
}

/* ps_stats_resident: an image holds so many bytes now */
static inline void ps_stats_resident(struct ps_record *record, uint64_t bytes)
{
    uint64_t most = __atomic_load_n(&record->resident, __ATOMIC_RELAXED);

    while (most < bytes && !__atomic_compare_exchange_n(&record->resident, &most, bytes, 1,
                                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

/* ps_stats_fork_child: the lock may have been another thread's */
void ps_stats_fork_child(void);

#endif

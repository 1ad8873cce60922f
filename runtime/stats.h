/* stats.h: where this process counts; see <ps/stats.h> */
#ifndef PS_STATS_INTERNAL_H
#define PS_STATS_INTERNAL_H

#include <ps/proxy.h>
#include <ps/stats.h>

/* ps_stats_record: the record of an object, on the board of PS_STATS or of this process tree.
 * Never NULL, never freed. */
struct ps_record *ps_stats_record(const struct ps_proxy *proxy, int direct);

/* ps_stats_fork_child: the lock may have been another thread's */
void ps_stats_fork_child(void);

#endif

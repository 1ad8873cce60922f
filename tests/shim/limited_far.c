/*
 * limited_far.c: requests of a far store that all come at once are within PS_MEMORY together
 *
 * run: link once
 */
#include "check.h"

#include <ps/ps.h>

#include "../../backends/memory/computed.h"

enum { LIMIT = 256 << 20, OBJECT = 4 * LIMIT, OVER = LIMIT / 50 + (8 << 20) };

int main(void)
{
    const char *object = "delay+memory://far/k?computed=1G&delay.latency=10ms&delay.bandwidth=8G";
    struct ps_stats stats = {.struct_size = sizeof(stats)};
    struct ps_error err = {0};
    const unsigned char *map;

    CHECK(setenv("PS_ALLOW", "delay+memory://far/", 1) == 0);
    CHECK(setenv("PS_MEMORY", "256M", 1) == 0);
    time_limit(60);
    map = ps_lazy_map(object, NULL, NULL, &err);
    if (map == NULL)
        FAIL("%s", err.message);
    for (size_t at = 5; at < OBJECT; at += PAGE)
        if (map[at] != ps_computed_byte(at))
            FAIL("byte %zu is wrong", at);
    CHECK(ps_stats_get(map, &stats, NULL) == 0);
    if (stats.resident > LIMIT + OVER || stats.resident < LIMIT / 2)
        FAIL("%llu MiB at once", (unsigned long long)stats.resident >> 20);
    return 0;
}

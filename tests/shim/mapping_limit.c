/*
 * mapping_limit.c: every other page of a large object, which are more mappings than a process may
 * have
 *
 * run: link
 */
#include "check.h"

#include <ps/ps.h>

#include "../../backends/memory/computed.h"

enum { PAGES = 150000 };

int main(void)
{
    struct ps_map_options options = {.struct_size = sizeof(options), .flags = PS_MAP_READ_ONLY};
    struct ps_error err = {0};
    const unsigned char *map;

    CHECK(setenv("PS_ALLOW", "memory://limit/", 1) == 0);
    map = ps_lazy_map("memory://limit/k?computed=1G", NULL, &options, &err);
    if (map == NULL)
        FAIL("%s", err.message);
    for (size_t i = 0; i < PAGES; i++) {
        size_t at = 2 * i % (PAGES - 1) * PAGE + i % PAGE; /* the odd ones after the even ones */

        if (map[at] != ps_computed_byte(at))
            FAIL("byte %zu is wrong", at);
    }
    return 0;
}

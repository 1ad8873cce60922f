/*
 * read_only_map.c: a write to a read-only lazy map is SIGSEGV for the program's handler
 *
 * run: link memcheck
 */
#include "check.h"

#include <ps/ps.h>

int main(void)
{
    struct ps_map_options options = {sizeof(options), PS_MAP_READ_ONLY};
    struct ps_error err = {0};
    volatile unsigned char *at;

    catch_faults(SIGSEGV);
    at = ps_lazy_map(px("small"), NULL, &options, &err);
    if (at == NULL)
        FAIL("%s", err.message);
    CHECK(FAULT(at[123456] = 5) == SIGSEGV && fault_address == (void *)&at[123456]);
    CHECK(at[123456] == byte_at(123456));
    CHECK(FAULT(at[123456] = 5) == SIGSEGV && fault_address == (void *)&at[123456]);
    catch_faults(SIGSEGV); /* and set again, after the map was made */
    CHECK(FAULT(at[99] = 5) == SIGSEGV && fault_address == (void *)&at[99]);
    BYTES((const void *)at, SMALL, 0);
    CHECK(ps_unmap((void *)at) == 0);
    return 0;
}

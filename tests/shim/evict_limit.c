/*
 * evict_limit.c: parts of a map are evicted, protected and dropped when the process can't have one
 * mapping more
 *
 * run: link no-asan (whose malloc needs mappings)
 */
#include "check.h"

#include <ps/ps.h>

#include "../../backends/memory/computed.h"

enum { PAGES = 256 };

static unsigned char *map;

/* Until not even a page of another protection can be split off a mapping. */
static void take_all_mappings(void)
{
    FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
    size_t most = 0, at = 1;
    char *pages;

    CHECK(file != NULL && fscanf(file, "%zu", &most) == 1 && fclose(file) == 0);
    most += 2;
    pages = mmap(NULL, most * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(pages != MAP_FAILED);
    while (at < most && mprotect(pages + at * PAGE, PAGE, PROT_READ) == 0)
        at += 2;
    while (mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        ;
    CHECK(at < most && errno == ENOMEM);
}

static void expect(size_t page)
{
    size_t at = page * PAGE + page;

    if (map[at] != ps_computed_byte(at))
        FAIL("page %zu: 0x%02x, not 0x%02x", page, map[at], ps_computed_byte(at));
}

/* Whether the kernel lets a part have another protection or not: it has what it says. */
static void protect(size_t page)
{
    if (mprotect(map + page * PAGE, PAGE, PROT_READ) < 0)
        map[page * PAGE + 1] = 1;
    expect(page);
}

int main(void)
{
    struct ps_error err = {0};

    CHECK(setenv("PS_ALLOW", "memory://limit/", 1) == 0);
    map = ps_lazy_map("memory://limit/k?computed=1M", NULL, NULL, &err);
    if (map == NULL)
        FAIL("%s", err.message);
    for (size_t page = 0; page < PAGES; page++)
        expect(page);
    take_all_mappings();
    for (size_t page = 100; page < 110; page++) {
        CHECK(ps_evict(map, page * PAGE, PAGE, &err) >= 0);
        expect(page);
    }
    for (size_t page = 200; page < 210; page++)
        protect(page);
    for (size_t page = 0; page < PAGES; page++)
        expect(page);
    return 0;
}

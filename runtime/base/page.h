/* page.h: the page, which is 4, 16 or 64 KiB */
#ifndef PS_PAGE_H
#define PS_PAGE_H

#include <stdint.h>
#include <unistd.h>

/* ps_page_size: bytes of a page. Safe in a handler. */
static inline uint64_t ps_page_size(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ps_page_round: up to whole pages */
static inline uint64_t ps_page_round(uint64_t size)
{
    uint64_t page = ps_page_size();

    return (size + page - 1) & ~(page - 1);
}

#endif

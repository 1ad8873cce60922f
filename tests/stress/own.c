/* own.c: a map that one worker has alone, and takes apart; see stress.h */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stress.h"

static void map_fresh(struct worker *worker)
{
    char name[64];
    struct ps_error err = {0};

    snprintf(name, sizeof(name), "memory://x/own-%u?computed=255K", (unsigned)draw(worker, 4));
    worker->own.at = ps_lazy_map(name, &worker->own.size, NULL, &err);
    if (worker->own.at == NULL)
        fail("a map of its own", 0, &err);
    worker->own.offset = 0;
    worker->is_lazy_map = true;
}

static void map_window(struct worker *worker)
{
    worker->own.offset = (size_t)draw(worker, size / PAGE - OWN_PAGES) * PAGE;
    worker->own.at = mmap(NULL, OWN, PROT_READ | PROT_WRITE, MAP_PRIVATE, worker->view,
                          (off_t)worker->own.offset);
    if (worker->own.at == MAP_FAILED)
        fail(strerror(errno), worker->own.offset, NULL);
    worker->own.size = OWN;
    worker->is_lazy_map = false;
}

void own_map(struct worker *worker)
{
    bool is_fresh = draw(worker, 2) == 0;

    if (is_fresh || worker->view < 0)
        map_fresh(worker);
    else
        map_window(worker);
    memset(worker->own.wrote, 0, sizeof(worker->own.wrote));
    memset(worker->state, PAGE_WRITE, sizeof(worker->state));
    atomic_fetch_add(&counts[MAPPED], 1);
}

/* Where a part is gone, there may be memory of somebody else by now. */
void own_unmap(struct worker *worker)
{
    unsigned char *at = worker->own.at;
    int result = 0;

    if (worker->is_lazy_map && worker->state[0] != PAGE_GONE)
        result = ps_unmap(at);
    else
        for (size_t page = 0; result == 0 && page < OWN_PAGES; page++)
            if (worker->state[page] != PAGE_GONE)
                result = munmap(at + page * PAGE, PAGE);
    if (result < 0)
        fail("an unmap of its own", 0, NULL);
}

static void check_page(struct worker *worker, size_t page)
{
    size_t offset = page * PAGE + (size_t)draw(worker, PAGE);

    if (offset >= worker->own.size || worker->state[page] == PAGE_GONE)
        return;
    if (worker->state[page] >= PAGE_READ)
        check_shadow(&worker->own, offset);
    else if (!raises_sigsegv(worker->own.at + offset))
        fail("what is protected can be read", offset, NULL);
}

void own_check(struct worker *worker)
{
    for (size_t page = 0; page < OWN_PAGES; page++)
        check_page(worker, page);
}

static void write_own(struct worker *worker)
{
    size_t offset = (size_t)draw(worker, worker->own.size);

    if (worker->state[offset / PAGE] == PAGE_WRITE)
        write_shadow(&worker->own, offset, (unsigned char)(1 + draw(worker, 255)));
}

static void evict_own(struct worker *worker)
{
    size_t page = (size_t)draw(worker, OWN_PAGES);

    if (worker->state[page] != PAGE_GONE && ps_evict(worker->own.at + page * PAGE, 0, 1, NULL) < 0)
        fail("an evict of its own", page * PAGE, NULL);
}

static void renew(struct worker *worker)
{
    own_check(worker);
    own_unmap(worker);
    own_map(worker);
}

#ifdef WITHOUT_SHIM /* the list of lazy memory would not know */
#define CHANGES
#else
#define CHANGES                                                                                    \
    unmap_part, protect_part, protect_part, drop_part, drop_part, move, read_into, write_from,
static size_t draw_part(struct worker *worker, size_t *first)
{
    size_t count = (size_t)draw(worker, 8) + 1;

    *first = (size_t)draw(worker, OWN_PAGES);
    return count < OWN_PAGES - *first ? count : OWN_PAGES - *first;
}

static bool has_gone(const struct worker *worker, size_t first, size_t count)
{
    return memchr(worker->state + first, PAGE_GONE, count) != NULL;
}

static void unmap_part(struct worker *worker)
{
    size_t first, count = draw_part(worker, &first);

    if (has_gone(worker, first, count))
        return;
    if (munmap(worker->own.at + first * PAGE, count * PAGE) < 0)
        fail(strerror(errno), first * PAGE, NULL);
    memset(worker->state + first, PAGE_GONE, count);
}

static void protect_part(struct worker *worker)
{
    static const int prots[] = {
        [PAGE_NONE] = PROT_NONE, [PAGE_READ] = PROT_READ, [PAGE_WRITE] = PROT_READ | PROT_WRITE};
    size_t first, count = draw_part(worker, &first);
    int state = PAGE_NONE + (int)draw(worker, 3);

    if (has_gone(worker, first, count))
        return;
    if (mprotect(worker->own.at + first * PAGE, count * PAGE, prots[state]) < 0)
        fail(strerror(errno), first * PAGE, NULL);
    memset(worker->state + first, state, count);
}

/* What was written there is dropped, as in any private mapping. */
static void drop_part(struct worker *worker)
{
    size_t first, count = draw_part(worker, &first);

    if (has_gone(worker, first, count))
        return;
    if (madvise(worker->own.at + first * PAGE, count * PAGE, MADV_DONTNEED) < 0)
        fail(strerror(errno), first * PAGE, NULL);
    memset(worker->own.wrote + first * PAGE, 0, count * PAGE);
}

/* The kernel moves one mapping only: what it refuses stays as it was. */
static void move(struct worker *worker)
{
    void *room, *at;

    if (has_gone(worker, 0, OWN_PAGES))
        return;
    room = mmap(NULL, OWN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        fail(strerror(errno), 0, NULL);
    at = mremap(worker->own.at, OWN, OWN, MREMAP_MAYMOVE | MREMAP_FIXED, room);
    if (at != MAP_FAILED) {
        worker->own.at = at;
        return;
    }
    if (errno != EFAULT)
        fail(strerror(errno), 0, NULL);
    /* the kernel may have freed the room before it refused: it may be somebody else's */
}

/* A run of pages that can be written, or 0 */
static size_t writable_part(struct worker *worker, size_t *first)
{
    size_t count = draw_part(worker, first), good = 0;

    while (good < count && worker->state[*first + good] == PAGE_WRITE &&
           (*first + good + 1) * PAGE <= worker->own.size)
        good++;
    return good;
}

/*
 * A call on a part of it did not do all: a store that fails makes it EIO, or less
 * than all. What has failed is failed for a while, unless it is resolved.
 */
static void try_again(struct worker *worker, size_t first, size_t length, ssize_t result)
{
    char text[80];

    if (!failures || result == 0 || (result < 0 && errno != EIO)) {
        snprintf(text, sizeof(text), "a call on lazy memory gave %zd, %s", result, strerror(errno));
        fail(text, first * PAGE, NULL);
    }
    atomic_fetch_add(&counts[FAILED], 1);
    ps_resolve(worker->own.at + first * PAGE, 0, length, NULL);
}

/* The kernel writes into lazy memory. */
static void read_into(struct worker *worker)
{
    size_t first, length = writable_part(worker, &first) * PAGE;
    unsigned char byte = (unsigned char)(1 + draw(worker, 255));
    ssize_t got;

    if (length == 0)
        return;
    memset(worker->buffer, byte, length);
    if (pwrite(worker->out, worker->buffer, length, 0) != (ssize_t)length)
        fail(strerror(errno), 0, NULL);
    while ((got = pread(worker->out, worker->own.at + first * PAGE, length, 0)) != (ssize_t)length)
        try_again(worker, first, length, got);
    memset(worker->own.wrote + first * PAGE, byte, length);
    check_shadow(&worker->own, first * PAGE + (size_t)draw(worker, length));
}

/* The kernel reads lazy memory. */
static void write_from(struct worker *worker)
{
    size_t first, length = writable_part(worker, &first) * PAGE;
    struct shadow copy;
    ssize_t put;

    if (length == 0)
        return;
    while ((put = pwrite(worker->out, worker->own.at + first * PAGE, length, 0)) != (ssize_t)length)
        try_again(worker, first, length, put);
    if (pread(worker->out, worker->buffer, length, 0) != (ssize_t)length)
        fail(strerror(errno), 0, NULL);
    copy.at = worker->buffer;
    copy.offset = worker->own.offset + first * PAGE;
    memcpy(copy.wrote, worker->own.wrote + first * PAGE, length);
    for (size_t i = 0; i < length; i++)
        check_shadow(&copy, i);
}
#endif

void own_act(struct worker *worker)
{
    static void (*const acts[])(struct worker *) = {CHANGES write_own, write_own, write_own,
                                                    evict_own,         evict_own, renew};

    check_page(worker, (size_t)draw(worker, OWN_PAGES));
    acts[draw(worker, sizeof(acts) / sizeof(acts[0]))](worker);
    check_page(worker, (size_t)draw(worker, OWN_PAGES));
}

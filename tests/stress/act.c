/* act.c: what a worker does with the map of all; see stress.h */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../backends/memory/computed.h"
#include "stress.h"

enum { AGAIN = 1000 /* times that a call of a failing store is made */ };

size_t somewhere(struct worker *worker)
{
    return WORKERS * SLICE + (size_t)draw(worker, size - WORKERS * SLICE);
}

/* count bytes, stride apart, up or down from offset, as far as the map goes */
static void touch_row(size_t offset, size_t count, long stride)
{
    for (; count > 0; count--, offset += (size_t)stride) {
        if (offset < WORKERS * SLICE || offset >= size)
            return;
        check(map + offset, offset);
    }
}

static void touch_random(struct worker *worker)
{
    for (int i = 0; i < 8; i++) {
        size_t offset = somewhere(worker);
        check(map + offset, offset);
    }
}

static void touch_forward(struct worker *worker)
{
    size_t offset = somewhere(worker);

    touch_row(offset, draw(worker, 128), PAGE);
}

static void touch_backward(struct worker *worker)
{
    size_t offset = somewhere(worker);

    touch_row(offset, draw(worker, 128), -PAGE);
}

static void touch_strided(struct worker *worker)
{
    size_t offset = somewhere(worker);
    long stride = (long)draw(worker, 64 * PAGE) + 1;

    touch_row(offset, draw(worker, 64), stride);
}

/* What a thread wrote stays its own, whatever is evicted below it. */
static void write_slice(struct worker *worker)
{
    size_t offset = (size_t)draw(worker, SLICE), other = (size_t)draw(worker, SLICE);

    write_shadow(&worker->slice, offset, (unsigned char)(1 + draw(worker, 255)));
    if (ps_evict(worker->slice.at, 0, SLICE, NULL) < 0)
        fail("an evict", offset, NULL);
    check_shadow(&worker->slice, offset);
    check_shadow(&worker->slice, other);
}

static void evict(struct worker *worker)
{
    size_t offset = somewhere(worker), most = size - offset;
    size_t length = (size_t)draw(worker, 8 << 20) + 1;
    struct ps_error err = {0};
    int64_t dropped = ps_evict(map, offset, length < most ? length : most, &err);

    if (dropped < 0)
        fail("an evict", offset, &err);
    atomic_fetch_add(&counts[EVICTED], (unsigned long)dropped);
}

static void evict_all(struct worker *worker)
{
    int64_t dropped = ps_evict(map, 0, 0, NULL);

    (void)worker;
    if (dropped < 0)
        fail("an evict of all", 0, NULL);
    atomic_fetch_add(&counts[EVICTED], (unsigned long)dropped);
}

static void prefetch(struct worker *worker)
{
    size_t offset = somewhere(worker), length = (size_t)draw(worker, 2 << 20);
    struct ps_error err = {0};

    if (ps_prefetch(map, offset, length < size - offset ? length : 0, &err) < 0)
        fail("a prefetch", offset, &err);
    atomic_fetch_add(&counts[PREFETCHED], 1);
}

static void resolve(struct worker *worker)
{
    size_t offset = somewhere(worker), length = (size_t)draw(worker, 1 << 20) + 1;
    struct ps_error err = {0};

    if (length > size - offset)
        length = size - offset;
    if (ps_resolve(map, offset, length, &err) < 0 && (!failures || err.code == 0))
        fail("a resolve", offset, &err);
    check(map + offset, offset);
    check(map + offset + length - 1, offset + length - 1);
}

static void ask(struct worker *worker)
{
    size_t offset = somewhere(worker);
    struct ps_error err = {0};
    struct ps_proxy proxy;
    struct ps_stats stats = {.struct_size = sizeof(stats)};
    struct sigaction action;
    int resolved = ps_is_resolved(map, offset, 1);

    if (resolved < 0 || resolved > 1 || !ps_is_proxy(map + offset) || ps_is_proxy(&stats) ||
        ps_proxy_of(map, &proxy, &err) < 0 || ps_stats_get(map, &stats, &err) < 0 ||
        ps_stats_get(NULL, &stats, &err) < 0 || sigaction(SIGSEGV, NULL, &action) < 0)
        fail("a question", offset, &err);
}

static void check_buffer(const unsigned char *buffer, size_t length, size_t offset)
{
    for (size_t i = 0; i < length; i++)
        if (buffer[i] != ps_computed_byte(offset + i))
            fail(buffer[i] == 0 ? "read the zero of a hole" : "read a wrong byte", offset + i,
                 NULL);
}

static ssize_t read_once(const struct worker *worker, unsigned char *buffer, size_t length,
                         size_t offset, bool at_offset)
{
    if (at_offset)
        return pread(worker->view, buffer, length, (off_t)offset);
    if (lseek(worker->view, (off_t)offset, SEEK_SET) != (off_t)offset)
        fail("a seek", offset, NULL);
    return read(worker->view, buffer, length);
}

static void read_view(struct worker *worker)
{
    size_t offset = (size_t)draw(worker, size), length = (size_t)draw(worker, OWN) + 1;
    bool at_offset = draw(worker, 2) == 0;
    ssize_t got = -1;

    if (worker->view < 0)
        return;
    for (int i = 0; got < 0; i++) {
        got = read_once(worker, worker->buffer, length, offset, at_offset);
        if (got < 0 && (!failures || errno != EIO || i == AGAIN))
            fail(strerror(errno), offset, NULL);
    }
    if ((size_t)got != (length < size - offset ? length : size - offset))
        fail("a short read", offset + (size_t)got, NULL);
    check_buffer(worker->buffer, (size_t)got, offset);
    atomic_fetch_add(&counts[READ], 1);
}

/* Another map of all: reads, as the slices are as the object has them there. */
static void map_again(struct worker *worker)
{
    const struct ps_map_options options = {sizeof(options), PS_MAP_READ_ONLY};
    struct ps_error err = {0};
    unsigned char *other = ps_lazy_map(uri, NULL, &options, &err);

    if (other == NULL)
        fail("a second map", 0, &err);
    for (int i = 0; i < 8; i++) {
        size_t offset = (size_t)draw(worker, size);
        check(other + offset, offset);
    }
    if (ps_unmap(other) < 0)
        fail("an unmap", 0, NULL);
    atomic_fetch_add(&counts[MAPPED], 1);
}

/* An object of its own is put, had back, mapped, and removed. */
static void store_round(struct worker *worker)
{
    size_t length = (size_t)draw(worker, OWN) + 1, got = 0;
    unsigned char *mapped;
    char key[32], text[64];
    struct ps_store *store;
    struct ps_error err = {0};
    void *data = NULL;

    snprintf(key, sizeof(key), "%u-%d", worker->number, (int)getpid());
    snprintf(text, sizeof(text), "memory://y/%s", key);
    ps_computed_fill(worker->buffer, length, 0);
    if (ps_store_open(&store, "memory://y", &err) < 0 ||
        ps_store_put(store, key, worker->buffer, length, NULL, &err) < 0 ||
        ps_store_get(store, key, &data, &got, &err) < 0 || got != length ||
        ps_store_exists(store, key, &err) != 1)
        fail("a store", got, &err);
    check_buffer(data, length, 0);
    free(data);
    mapped = ps_lazy_map(text, NULL, NULL, &err);
    if (mapped == NULL)
        fail("a map of what was put", 0, &err);
    check(mapped + length - 1, length - 1);
    if (ps_unmap(mapped) < 0 || ps_store_evict(store, key, &err) < 0 ||
        ps_store_exists(store, key, &err) != 0)
        fail("the end of an object", 0, &err);
    ps_store_close(store);
}

static const struct {
    const char *name;
    void (*run)(struct worker *);
    unsigned weight;
} acts[] = {
    {"touch_random", touch_random, 100},
    {"touch_forward", touch_forward, 20},
    {"touch_backward", touch_backward, 20},
    {"touch_strided", touch_strided, 20},
    {"write_slice", write_slice, 50},
    {"evict", evict, 20},
    {"evict_all", evict_all, 2},
    {"prefetch", prefetch, 20},
    {"resolve", resolve, 20},
    {"ask", ask, 10},
    {"read_view", read_view, 30},
    {"map_again", map_again, 10},
    {"store_round", store_round, 5},
    {"own_act", own_act, 100},
    {"fork", fork_worker, 1},
};
enum { ACTS = sizeof(acts) / sizeof(acts[0]) };

void act(struct worker *worker)
{
    unsigned total = 0, chosen, i;

    for (i = 0; i < ACTS; i++)
        total += acts[i].weight;
    chosen = (unsigned)draw(worker, total);
    for (i = 0; chosen >= acts[i].weight; i++)
        chosen -= acts[i].weight;
    worker->last[worker->turns++ % (sizeof(worker->last) / sizeof(worker->last[0]))] = acts[i].name;
    acts[i].run(worker);
}

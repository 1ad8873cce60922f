/* memory.c: see memory.h */
#include "memory.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/sys.h"
#include "evict.h"
#include "pin.h"
#include "release.h"
#include "use.h"

/*
 * A run of blocks in one word, for there may be one for each page: the index of
 * the image, the first block, the number of blocks less one, and whether it had
 * its second chance. An image that was released since, and its index taken
 * again, only makes some blocks of another one go too early.
 */
enum { INDEX_BITS = 14, FIRST_BITS = 40, COUNT_BITS = 9 };
enum { BATCH = 64, RUNS_MAX = 1 << 22, RUNS_NO_LIMIT = 1 << 20, RETRY_MS = 100 };
#define BATCH_BYTES_MAX (UINT64_C(4) << 20)
#define BATCH_BYTES_MIN (UINT64_C(256) << 10)

/* Protects the queue. */
struct ps_lock ps_memory_lock = PS_LOCK(PS_RANK_MEMORY);
static uint64_t *queue; /* a ring of a power of two; head and tail only grow */
static uint64_t capacity, head, tail;
static bool lost; /* the queue was full, and some runs are not in it */
static uint64_t limit;
static _Atomic uint64_t resident;   /* bytes */
static _Atomic uint64_t expected;   /* bytes that are being written */
static _Atomic uint32_t turn;       /* 1: a thread makes room; one does at a time */
static _Atomic uint64_t retry_time; /* ms; before it no room is looked for: there was none */

uint64_t ps_memory_limit(void)
{
    return limit;
}

int ps_memory_start(uint64_t bytes)
{
    uint64_t wanted = bytes == 0 ? RUNS_NO_LIMIT : bytes / 4096 * 2, size = 1024, mask;
    void *memory;

    while (size < wanted && size < RUNS_MAX)
        size *= 2;
    memory = sys_mmap(NULL, size * sizeof(*queue), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (is_sys_error(memory))
        return (int)(long)memory;
    ps_lock(&ps_memory_lock, &mask);
    if (queue == NULL) {
        queue = memory;
        capacity = size;
        limit = bytes;
        memory = NULL;
    }
    ps_unlock(&ps_memory_lock, &mask);
    if (memory != NULL) /* another thread was first */
        sys_munmap(memory, size * sizeof(*queue));
    return 0;
}

/* --- the queue ----------------------------------------------------------------- */

struct run {
    uint32_t index;
    uint64_t first, count;
    bool again; /* it had its second chance */
};

static uint64_t pack(const struct run *run)
{
    return (uint64_t)run->index << (64 - INDEX_BITS) | run->first << (COUNT_BITS + 1) |
           (run->count - 1) << 1 | run->again;
}

static struct run unpack(uint64_t word)
{
    return (struct run){(uint32_t)(word >> (64 - INDEX_BITS)),
                        word >> (COUNT_BITS + 1) & ((UINT64_C(1) << FIRST_BITS) - 1),
                        (word >> 1 & ((1U << COUNT_BITS) - 1)) + 1, word & 1};
}

/* What has no number in a run is never dropped. */
static void push(const struct run *run)
{
    uint64_t mask;

    ps_lock(&ps_memory_lock, &mask);
    if (queue != NULL && run->first >> FIRST_BITS == 0) {
        if (head - tail < capacity)
            queue[head++ % capacity] = pack(run);
        else
            lost = true;
    }
    ps_unlock(&ps_memory_lock, &mask);
}

static void push_blocks(const struct ps_image *image, uint64_t first, uint64_t count)
{
    const uint64_t most = UINT64_C(1) << COUNT_BITS;

    for (uint64_t end = first + count; first < end; first += most)
        push(&(struct run){ps_image_index(image), first, end - first < most ? end - first : most,
                           false});
}

static unsigned pop(uint64_t *words, unsigned most)
{
    unsigned count = 0;
    uint64_t mask;

    ps_lock(&ps_memory_lock, &mask);
    while (count < most && tail < head)
        words[count++] = queue[tail++ % capacity];
    ps_unlock(&ps_memory_lock, &mask);
    return count;
}

void ps_memory_came(const struct ps_image *image, uint64_t first, uint64_t count)
{
    uint64_t bytes = count * image->table->block_size;

    atomic_fetch_add(&resident, bytes);
    atomic_fetch_sub(&expected, bytes);
    push_blocks(image, first, count);
}

void ps_memory_failed(uint64_t bytes)
{
    atomic_fetch_sub(&expected, bytes);
}

void ps_memory_gone(uint64_t bytes)
{
    uint64_t now = atomic_load(&resident);

    /* in the child of a fork, what the parent had fetched may go as well */
    while (!atomic_compare_exchange_weak(&resident, &now, now > bytes ? now - bytes : 0))
        ;
}

/* --- second chance --------------------------------------------------------------- */

void ps_memory_used(const struct ps_image *image, uint64_t first, uint64_t count)
{
    if (image->used == NULL)
        return;
    for (uint64_t block = first; block < first + count; block++) {
        _Atomic uint64_t *word = &image->used[block / 64];
        uint64_t bit = UINT64_C(1) << block % 64;

        if (!(atomic_load_explicit(word, memory_order_relaxed) & bit))
            atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
    }
}

static bool was_used(const struct ps_image *image, const struct run *run)
{
    uint64_t seen = 0;

    for (uint64_t block = run->first; image->used != NULL && block < run->first + run->count;
         block++)
        seen |= atomic_fetch_and_explicit(&image->used[block / 64], ~(UINT64_C(1) << block % 64),
                                          memory_order_relaxed) >>
                    (block % 64) &
                1;
    return seen != 0;
}

/* --- making room ------------------------------------------------------------------ */

/* Runs of one image, which is entered once for all of them: bytes that were dropped. *busy: not
 * entered, but soon it may be */
static uint64_t drop_of_image(struct ps_image *image, const uint64_t *words, unsigned count,
                              bool *busy)
{
    uint64_t dropped = 0, mask;
    enum ps_evict begun = ps_evict_begin(image, &mask);
    bool entered = begun == PS_EVICT_BEGUN;

    for (unsigned i = 0; i < count; i++) {
        struct run run = unpack(words[i]);

        if (entered && ps_pin_free(image, run.first, run.count) == run.count &&
            (run.again || !was_used(image, &run))) {
            dropped += ps_evict_blocks(image, run.first, run.count);
            continue;
        }
        run.again = entered;
        push(&run);
    }
    if (entered)
        ps_evict_end(image, &mask);
    *busy |= begun == PS_EVICT_BUSY;
    return dropped;
}

static uint64_t drop(const uint64_t *words, unsigned count, bool *busy)
{
    uint64_t dropped = 0;

    for (unsigned i = 0, same; i < count; i += same) {
        uint32_t index = unpack(words[i]).index;
        struct ps_image *image = &ps_images[index];

        for (same = 1; i + same < count && unpack(words[i + same]).index == index;)
            same++;
        if (!ps_image_get(image))
            continue;
        if (image->table != NULL)
            dropped += drop_of_image(image, &words[i], same, busy);
        ps_image_put(image);
    }
    return dropped;
}

static void find_blocks(const struct ps_image *image)
{
    struct ps_table *table = image->table;
    uint64_t left = atomic_load(&table->ready);

    /* not further than they reach: a look at the states of a huge object takes memory for them */
    for (uint64_t block = 0, count; block < table->blocks && left > 0; block += count + 1) {
        for (count = 0; block + count < table->blocks && count < left &&
                        ps_table_state(table, block + count) == PS_BLOCK_READY;)
            count++;
        push_blocks(image, block, count);
        left -= count;
    }
}

/*
 * When there is room again, find the runs for which there was none: all anew.
 * Half of the queue has room for all blocks within the limit; it was full
 * because of blocks that had been dropped already.
 */
static bool find_lost(void)
{
    uint64_t mask;
    bool find;

    ps_lock(&ps_memory_lock, &mask);
    find = lost && head - tail <= capacity / 2;
    if (find) {
        lost = false;
        tail = head;
    }
    ps_unlock(&ps_memory_lock, &mask);
    for (uint32_t i = 0; find && i < ps_object_slots(); i++) {
        if (!ps_image_get(&ps_images[i]))
            continue;
        if (ps_images[i].table != NULL)
            find_blocks(&ps_images[i]);
        ps_image_put(&ps_images[i]);
    }
    return find;
}

static uint64_t queued(void)
{
    uint64_t mask, runs;

    ps_lock(&ps_memory_lock, &mask);
    runs = head - tail;
    ps_unlock(&ps_memory_lock, &mask);
    return runs;
}

/* Drop the oldest until want bytes are gone. */
static uint64_t drop_oldest(uint64_t want)
{
    uint64_t words[BATCH], done = 0, left;
    bool busy = false, looked = false;

    find_lost();
    do {
        left = 2 * queued(); /* each once, and once again */
        for (unsigned count = 1; done < want && count > 0 && !busy;
             left -= left < count ? left : count) {
            count = left > 0 ? pop(words, BATCH) : 0;
            done += drop(words, count, &busy);
            looked |= count > 0;
        }
    } while (done < want && !busy && find_lost());
    /* images that other processes use, or that are pinned: don't look at all of them every time */
    if (looked && done == 0 && !busy)
        atomic_store(&retry_time, ps_now_ms() + RETRY_MS);
    return done;
}

static uint64_t over_limit(void)
{
    uint64_t now = atomic_load(&resident) + atomic_load(&expected);

    return limit != 0 && now > limit ? now - limit : 0;
}

static bool take_turn(uint64_t slack, bool even_so)
{
    while (atomic_exchange(&turn, 1) != 0) {
        /* another thread is at it, room is coming: a little more meanwhile does no harm */
        if (!even_so && over_limit() <= slack)
            return false;
        ps_wait(&turn, 1, 1, false);
    }
    return true;
}

static bool make_room(bool even_so)
{
    uint64_t batch = limit / 64, done = 0;

    if (batch < BATCH_BYTES_MIN)
        batch = BATCH_BYTES_MIN;
    if (batch > BATCH_BYTES_MAX || limit == 0)
        batch = BATCH_BYTES_MAX;
    if (!take_turn(batch, even_so))
        return false;
    /* whose turn it was before may have made enough, and have left nothing to drop */
    if (even_so || over_limit() > 0)
        done = drop_oldest(batch + over_limit());
    atomic_store(&turn, 0);
    ps_wake(&turn, 1, false);
    return done > 0;
}

void ps_memory_expect(uint64_t bytes)
{
    atomic_fetch_add(&expected, bytes);
    if (over_limit() > 0 && ps_now_ms() >= atomic_load(&retry_time))
        make_room(false);
}

bool ps_memory_make_room(void)
{
    uint64_t had = atomic_load(&resident);

    /* whose turn it was before may have left nothing to drop */
    return make_room(true) || atomic_load(&resident) < had;
}

void ps_memory_fork_child(void)
{
    atomic_store(&turn, 0);
    atomic_store(&expected, 0);
}

/* parts.c: see parts.h */
#include "parts.h"

#include <limits.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/sys.h"
#include "digest.h"
#include "handle.h"
#include "pin.h"
#include "proxy_parse.h"

/* No store has smaller parts, but perhaps a last one: sooner there is nothing to ask about. */
#define PART_LEAST (UINT64_C(5) << 20)
/* Who waits for the last bytes of a part waits for a sum of all of it: some 60 ms at most. */
#define PART_MOST (UINT64_C(64) << 20)

enum { AT_ONCE = 8 /* parts that are complete by one arrival */ };

/* Under ps_fetch_lock: of those who bring a part's last bytes at the same time, one is the last. */
struct ps_parts {
    size_t bytes;           /* of all this */
    uint64_t count;         /* blocks that have come */
    uint64_t size;          /* of a part; 0: not known */
    _Atomic bool is_off;    /* the store has none, or does not say: nothing is kept any more */
    _Atomic uint32_t asker; /* the process whose worker asks just now: no child's; 0: none */
    uint64_t came[];        /* a bit a block */
};

struct complete {
    uint64_t number[AT_ONCE];
    unsigned count;
};

void ps_parts_begin(struct ps_image *image)
{
    struct ps_parts *parts;
    size_t bytes;

    if (image->table == NULL || ps_proxy_is_part(image->proxy) ||
        !ps_handle_has_parts(image->handle))
        return;
    bytes = sizeof(*parts) + (size_t)(image->table->blocks / 64 + 1) * sizeof(parts->came[0]);
    parts = sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (is_sys_error(parts))
        return;
    parts->bytes = bytes;
    image->parts = parts;
}

void ps_parts_end(struct ps_image *image)
{
    if (image->parts != NULL)
        sys_munmap(image->parts, image->parts->bytes);
    image->parts = NULL;
}

/* --- what has come; with the lock ------------------------------------------------ */

static void mark(struct ps_parts *parts, uint64_t first, uint64_t end, bool has_come)
{
    for (uint64_t block = first; block < end; block++) {
        uint64_t bit = UINT64_C(1) << block % 64, *word = &parts->came[block / 64];

        if (((*word & bit) != 0) == has_come)
            continue;
        *word ^= bit;
        if (has_come)
            parts->count++;
        else
            parts->count--;
    }
}

static bool has_all(const struct ps_parts *parts, uint64_t block, uint64_t end)
{
    while (block < end && (parts->came[block / 64] >> block % 64 & 1) != 0)
        block +=
            block % 64 == 0 && end - block >= 64 && parts->came[block / 64] == UINT64_MAX ? 64 : 1;
    return block >= end;
}

struct part {
    uint64_t offset, size;
    uint64_t first, end; /* its blocks, with those at its ends that others have some of, too */
};

static struct part part_of(const struct ps_image *image, uint64_t number)
{
    const struct ps_table *table = image->table;
    uint64_t size = image->parts->size, offset = number * size;

    if (size > table->size - offset)
        size = table->size - offset;
    return (struct part){offset, size, offset / table->block_size,
                         (offset + size - 1) / table->block_size + 1};
}

static bool is_complete(const struct ps_parts *parts, const struct part *part)
{
    return has_all(parts, part->first, part->end);
}

/* Of the parts that have some of [from, to), those that are complete */
static void find_complete(const struct ps_image *image, uint64_t from, uint64_t to,
                          struct complete *found)
{
    uint64_t size = image->parts->size;

    for (uint64_t number = from / size; number * size < to && found->count < AT_ONCE; number++) {
        const struct part part = part_of(image, number);

        if (is_complete(image->parts, &part))
            found->number[found->count++] = number;
    }
}

/* --- asking ----------------------------------------------------------------------- */

/* What comes meanwhile waits: only with the answer can one know whether it completes a part. */
static void ask(struct ps_image *image, const struct ps_arrival *last, struct complete *found)
{
    struct ps_parts *parts = image->parts;
    struct ps_error unused = {0};
    uint64_t size = 0, whole = image->table->size, mask;
    int result = ps_handle_parts(image->handle, image->key, &image->expected, &size, &unused);
    /* the proxy's own digest says the same of all of it */
    bool is_told = result == 0 && size <= PART_MOST &&
                   size >= (whole < PART_LEAST ? whole : PART_LEAST) &&
                   (size < whole || !ps_digest_is_due(image));

    ps_lock(&ps_fetch_lock, &mask);
    atomic_store(&parts->is_off, !is_told);
    if (is_told) {
        parts->size = size;
        find_complete(image, last->offset, last->offset + last->size, found);
    }
    atomic_store(&parts->asker, 0);
    ps_unlock(&ps_fetch_lock, &mask);
    ps_wake(&parts->asker, INT_MAX, false);
}

/* Not beyond this request's own deadline: its bytes are good for all that anybody knows. */
static void await_answer(struct ps_parts *parts)
{
    uint32_t self = (uint32_t)sys_getpid();

    while (atomic_load(&parts->asker) == self && ps_now_ns() < ps_backend_deadline())
        ps_wait(&parts->asker, self, 10, false);
}

/* With the lock: is it this arrival by which a part may be complete, of those not known yet? */
static bool is_to_ask(const struct ps_image *image, const struct ps_arrival *last)
{
    const struct ps_table *table = image->table;
    const struct ps_parts *parts = image->parts;
    uint64_t least = table->size < PART_LEAST ? table->size : PART_LEAST;

    return parts->size == 0 && !atomic_load(&parts->is_off) &&
           parts->count * table->block_size >= least &&
           atomic_load(&parts->asker) != (uint32_t)sys_getpid() &&
           last->size < table->size &&      /* a read of all at once is checked in its backend */
           ps_handle_cached() < last->size; /* what is here already is worth no request */
}

static int check(struct ps_image *image, uint64_t number, const struct ps_arrival *last,
                 struct ps_error *err)
{
    const struct part part = part_of(image, number);
    unsigned pin = ps_pin(image, part.first, part.end - part.first);
    struct ps_arrived arrived;
    struct ps_error own = {0};
    bool is_here;
    uint64_t mask;
    int result = 0;

    ps_lock(&ps_fetch_lock, &mask); /* before the pin, some may have been dropped */
    is_here = is_complete(image->parts, &part);
    ps_unlock(&ps_fetch_lock, &mask);
    if (is_here && ps_arrived(&arrived, image, last, part.offset, part.size))
        result = ps_handle_check(image->handle, image->key, &image->expected, number, part.offset,
                                 &arrived.content, &own);
    ps_unpin(image, pin);
    if (result < 0 && result != PS_E_CORRUPT) /* or good bytes would wait for each answer */
        atomic_store(&image->parts->is_off, true);
    if (result != PS_E_CORRUPT)
        return 0;
    /* or the next run would be given the same bytes */
    ps_handle_distrust(image->handle, image->key, &image->expected);
    return ps_error_set(err, PS_E_CORRUPT, 0, "%s", own.message);
}

static bool is_on(const struct ps_parts *parts)
{
    return parts != NULL && !atomic_load(&parts->is_off);
}

int ps_parts_came(struct ps_image *image, const struct ps_arrival *last, struct ps_error *err)
{
    uint64_t block_size = image->table->block_size, mask;
    uint64_t first = last->offset / block_size;
    uint64_t end = (last->offset + last->size - 1) / block_size + 1;
    struct ps_parts *parts = image->parts;
    struct complete found = {.count = 0};
    bool asks;
    int result = 0;

    if (!is_on(parts))
        return 0;
    await_answer(parts);
    ps_lock(&ps_fetch_lock, &mask);
    mark(parts, first, end, true);
    if (parts->size != 0)
        find_complete(image, last->offset, last->offset + last->size, &found);
    asks = is_to_ask(image, last);
    if (asks)
        atomic_store(&parts->asker, (uint32_t)sys_getpid());
    ps_unlock(&ps_fetch_lock, &mask);
    if (asks)
        ask(image, last, &found);
    for (unsigned i = 0; i < found.count && result == 0; i++)
        result = check(image, found.number[i], last, err);
    return result;
}

void ps_parts_gone(struct ps_image *image, uint64_t first, uint64_t count)
{
    uint64_t mask;

    if (!is_on(image->parts))
        return;
    ps_lock(&ps_fetch_lock, &mask);
    mark(image->parts, first, first + count, false);
    ps_unlock(&ps_fetch_lock, &mask);
}

/* arrived.c: see arrived.h */
#include "arrived.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/sys.h"

enum { PATIENCE_MS = 1000 };

/* Others may be about to write, or to call READY, what they have counted: only that is awaited. */
static bool is_ready(struct ps_table *table, uint64_t block, uint64_t end_ms)
{
    while (ps_table_state(table, block) == PS_BLOCK_LOADING && ps_now_ms() < end_ms)
        ps_table_wait(table, block, 10);
    return ps_table_state(table, block) == PS_BLOCK_READY;
}

/* Some bytes from offset on, at most so many: a negative errno, or how many. */
static ssize_t read_some(const struct ps_arrived *arrived, void *buffer, size_t size,
                         uint64_t offset)
{
    const struct ps_arrival *last = arrived->last;

    if (offset < last->offset && size > last->offset - offset)
        size = (size_t)(last->offset - offset);
    if (offset < last->offset || offset - last->offset >= last->size)
        return sys_pread(arrived->image->fd, buffer, size, offset);
    if (size > last->size - (size_t)(offset - last->offset))
        size = last->size - (size_t)(offset - last->offset);
    memcpy(buffer, last->bytes + (offset - last->offset), size);
    return (ssize_t)size;
}

static int read_arrived(const struct ps_content *content, void *buffer, size_t size,
                        uint64_t offset, struct ps_error *err)
{
    const struct ps_arrived *arrived = (const struct ps_arrived *)content;

    for (size_t done = 0; done < size;) {
        ssize_t got =
            read_some(arrived, (char *)buffer + done, size - done, arrived->offset + offset + done);
        if (got == -EINTR)
            continue;
        if (got <= 0)
            return ps_error_set(err, PS_E_SYSTEM, got < 0 ? (int)-got : EIO, "can't read an image");
        done += (size_t)got;
    }
    return 0;
}

bool ps_arrived(struct ps_arrived *arrived, const struct ps_image *image,
                const struct ps_arrival *last, uint64_t offset, uint64_t size)
{
    struct ps_table *table = image->table;
    uint64_t first = last->offset / table->block_size, end_ms = ps_now_ms() + PATIENCE_MS;
    uint64_t end = (last->offset + last->size - 1) / table->block_size + 1;
    uint64_t block = offset / table->block_size,
             blocks_end = (offset + size - 1) / table->block_size;

    *arrived = (struct ps_arrived){{size, read_arrived, NULL}, image, last, offset};
    for (; block <= blocks_end; block++)
        if ((block < first || block >= end) && !is_ready(table, block, end_ms))
            return false;
    return true;
}

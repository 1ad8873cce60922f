/* digest.c: see digest.h */
#include "digest.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "backend_registry.h"
#include "base/clock.h"
#include "base/sys.h"
#include "handle.h"
#include "pin.h"
#include "proxy_parse.h"

enum { HEX = 64, PATIENCE_MS = 1000 };

static const char algorithm[] = "sha256:";

/* Others are left to who made them. */
static bool is_known(const char *digest)
{
    const char *hex = digest + strlen(algorithm);

    return strncasecmp(digest, algorithm, strlen(algorithm)) == 0 && strlen(hex) == HEX &&
           strspn(hex, "0123456789abcdefABCDEF") == HEX;
}

void ps_digest_begin(struct ps_image *image)
{
    atomic_store(&image->digest_due, image->table != NULL && is_known(image->proxy->digest) &&
                                         !ps_proxy_is_part(image->proxy));
}

/* Others may be about to write, or to call READY, what they have counted: only that is awaited. */
static bool is_ready(struct ps_table *table, uint64_t block, uint64_t end_ms)
{
    while (ps_table_state(table, block) == PS_BLOCK_LOADING && ps_now_ms() < end_ms)
        ps_table_wait(table, block, 10);
    return ps_table_state(table, block) == PS_BLOCK_READY;
}

static bool others_are_ready(struct ps_table *table, const struct ps_arrival *last)
{
    uint64_t end_ms = ps_now_ms() + PATIENCE_MS, first = last->offset / table->block_size;
    uint64_t end = (last->offset + last->size - 1) / table->block_size + 1;

    for (uint64_t block = 0; block < table->blocks; block++)
        if ((block < first || block >= end) && !is_ready(table, block, end_ms))
            return false;
    return true;
}

struct arrived {
    struct ps_content content;
    const struct ps_image *image;
    const struct ps_arrival *last;
};

/* Some bytes from offset on, at most so many: a negative errno, or how many. */
static ssize_t read_some(const struct arrived *arrived, void *buffer, size_t size, uint64_t offset)
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
    const struct arrived *arrived = (const struct arrived *)content;

    for (size_t done = 0; done < size;) {
        ssize_t got = read_some(arrived, (char *)buffer + done, size - done, offset + done);
        if (got == -EINTR)
            continue;
        if (got <= 0)
            return ps_error_set(err, PS_E_SYSTEM, got < 0 ? (int)-got : EIO, "can't read an image");
        done += (size_t)got;
    }
    return 0;
}

static int compare(const struct ps_image *image, const struct ps_arrival *last,
                   struct ps_error *err)
{
    struct arrived arrived = {{image->table->size, read_arrived, NULL}, image, last};
    const struct ps_backend *backend;
    struct ps_object_info info;
    void *handle;
    int result = ps_backend_open(&backend, &handle, "digest://", err);

    if (result < 0)
        return result;
    result = backend->put(handle, image->key, &arrived.content, &info, err);
    backend->close(handle);
    if (result < 0 || strcasecmp(info.version, image->proxy->digest) == 0)
        return result;
    /* or the next run would be given the same bytes */
    ps_handle_distrust(image->handle, image->key, &image->expected);
    return ps_error_set(err, PS_E_CORRUPT, 0, "its digest is %.71s, not %.71s", info.version,
                        image->proxy->digest);
}

int ps_digest_check(struct ps_image *image, const struct ps_arrival *last, struct ps_error *err)
{
    unsigned pin = ps_pin(image, 0, image->table->blocks);
    int result = 0;

    if (atomic_load(&image->table->unseen) == 0 && others_are_ready(image->table, last)) {
        result = compare(image, last, err);
        if (result == 0)
            atomic_store(&image->digest_due, false);
    }
    ps_unpin(image, pin);
    return result;
}

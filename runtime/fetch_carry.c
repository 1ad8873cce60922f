/*
 * fetch_carry.c: from the store into the image; see fetch.h
 *
 * A request's bytes are read, looked at, and written, and only then do its
 * blocks move on: to READY, or to FAILED with the cause on record.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/sys.h"
#include "digest.h"
#include "engine/engine.h"
#include "handle.h"
#include "learn.h"
#include "memory.h"
#include "parts.h"
#include "pour.h"
#include "profile.h"
#include "requests.h"
#include "stats.h"

/* --- causes of failures ------------------------------------------------------- */

enum { FAILURES = 64 };

struct failure {
    const struct ps_image *image;
    uint64_t first, count, when;
    struct ps_error error;
};

static struct failure failures[FAILURES]; /* a ring, under ps_fetch_lock */
static _Atomic uint64_t failure_clock;

uint64_t ps_fetch_clock(void)
{
    return atomic_load(&failure_clock);
}

bool ps_fetch_failure(const struct ps_image *image, uint64_t block, uint64_t since,
                      struct ps_error *err)
{
    struct ps_error error = {0};
    uint64_t mask;

    ps_lock(&ps_fetch_lock, &mask);
    for (int i = 0; i < FAILURES && error.code == 0; i++) {
        const struct failure *failure = &failures[i];
        if (failure->image == image && failure->when > since && block >= failure->first &&
            block - failure->first < failure->count)
            error = failure->error;
    }
    ps_unlock(&ps_fetch_lock, &mask);
    /* not under the lock: err is the program's, and may itself be lazy memory */
    if (error.code != 0 && err != NULL && err->code == 0)
        *err = error;
    return error.code != 0;
}

/* The cause must be on record before a waiter can see FAILED. */
static void record_failure(const struct ps_image *image, uint64_t first, uint64_t count,
                           const struct ps_error *error)
{
    struct failure *failure;
    uint64_t mask;

    ps_lock(&ps_fetch_lock, &mask);
    failure = &failures[(atomic_load(&failure_clock) + 1) % FAILURES];
    failure->image = image;
    failure->first = first;
    failure->count = count;
    failure->error = *error;
    failure->when = atomic_fetch_add(&failure_clock, 1) + 1;
    ps_unlock(&ps_fetch_lock, &mask);
}

/* --- into the image ------------------------------------------------------------ */

static int write_image(const struct ps_image *image, const char *bytes, size_t size,
                       uint64_t offset, struct ps_error *err)
{
    int result = ps_pour(image->fd, bytes, size, offset);

    return result == 0 ? 0
                       : ps_error_set(err, PS_E_NOMEM, -result, "no memory for the bytes%s",
                                      result == -EFBIG ? " (see ulimit -f)" : "");
}

/* So many bytes more are in the image. Of a block that was taken over, perhaps twice the same. */
static uint64_t count_held(const struct ps_image *image, uint64_t size)
{
    struct ps_table *table = image->table;
    uint64_t held = atomic_fetch_add(&table->held, size) + size;

    ps_stats_resident(image->record, held < table->size ? held : table->size);
    return held;
}

/* Where the kernel has no memory: perhaps with some blocks less it has. */
static int write_or_make_room(const struct ps_image *image, const struct ps_arrival *arrival,
                              struct ps_error *err)
{
    int result = write_image(image, arrival->bytes, arrival->size, arrival->offset, err);

    if (result != PS_E_NOMEM || !ps_memory_make_room())
        return result;
    *err = (struct ps_error){0};
    return write_image(image, arrival->bytes, arrival->size, arrival->offset, err);
}

/*
 * Bytes that were read become the image's: a touch that the kernel serves sees
 * them from then on, so all that can be wrong with them is found before.
 */
static int take_in(struct ps_image *image, const struct ps_arrival *arrival, struct ps_error *err)
{
    uint64_t block = image->table->block_size, size = arrival->size;
    uint64_t bytes = (size + block - 1) / block * block; /* whole ones are dropped again */
    int result = 0;

    ps_memory_expect(bytes);
    /* of those who bring the last bytes at the same time, one counts last */
    if (count_held(image, size) == image->table->size && ps_digest_is_due(image))
        result = ps_digest_check(image, arrival, err);
    if (result == 0)
        result = ps_parts_came(image, arrival, err);
    if (result == 0)
        result = write_or_make_room(image, arrival, err);
    if (result < 0) {
        ps_parts_gone(image, arrival->offset / block, bytes / block);
        atomic_fetch_sub(&image->table->held, size);
        ps_memory_failed(bytes);
    }
    return result;
}

void ps_fetch_read(struct ps_request *request, void *buffer, struct ps_error *err)
{
    struct ps_image *image = request->image;
    uint64_t offset = request->run[0].first * image->table->block_size;
    const struct ps_run *last = &request->run[request->runs - 1];
    uint64_t size = (last->first + last->count) * image->table->block_size - offset;
    uint64_t began = ps_now_ns(), now, cached;
    int result;

    if (size > image->table->size - offset)
        size = image->table->size - offset;
    result = ps_handle_read(image->handle, image->key, &image->expected, buffer, (size_t)size,
                            image->proxy->offset + offset, err);
    ps_stats_count(&image->record->requests, 1);
    if (result < 0) {
        ps_error_set(err, result, 0, "its backend gave no reason");
        return;
    }
    *err = (struct ps_error){0}; /* a backend may have met one, and mended it */
    cached = ps_handle_cached();
    now = ps_now_ns();
    if (cached == 0) /* else it says nothing of the way to the store */
        ps_ahead_measure(image->ahead.pace, size, now - began, now);
    ps_stats_count(&image->record->fetched, size > cached ? size - cached : 0);
    ps_stats_count(&image->record->cached, cached);
}

/* Write blocks of a request, which has failed if error says so, and move them on: to READY, if
 * true. */
static bool publish(const struct ps_request *request, const struct ps_run *run, const char *bytes,
                    const struct ps_error *failed)
{
    struct ps_image *image = request->image;
    struct ps_table *table = image->table;
    uint64_t offset = run->first * table->block_size, size = run->count * table->block_size;
    struct ps_error error = *failed;
    int result = error.code;

    if (size > table->size - offset)
        size = table->size - offset;
    if (result == 0)
        result = take_in(image, &(struct ps_arrival){bytes, (size_t)size, offset}, &error);
    if (result == 0) /* first: who sees READY may touch, and must not meet the failure of before */
        ps_fail_heal(image, offset, size);
    else
        ps_stats_count(&image->record->failures, 1);
    if (result < 0 && !request->ahead)
        record_failure(image, run->first, run->count, &error);
    /* first, as well: who sees the last bytes READY that it wanted may end the process */
    if (result == 0 && !request->learned)
        ps_learn_note(image, run->first, run->count);
    /* a failure that nobody asked for is none: a touch of it will be the first to try */
    ps_table_set(table, run->first, run->count, image->owner,
                 result == 0      ? PS_BLOCK_READY
                 : request->ahead ? PS_BLOCK_ABSENT
                                  : PS_BLOCK_FAILED);
    if (result == 0)
        ps_memory_came(image, run->first, run->count);
    ps_engine_published(image, offset, size);
    return result == 0;
}

bool ps_fetch_publish(const struct ps_request *request, const char *buffer,
                      const struct ps_error *failed)
{
    bool is_good = true;

    for (unsigned i = 0; i < request->runs; i++) {
        const struct ps_run *run = &request->run[i];
        uint64_t at = (run->first - request->run[0].first) * request->image->table->block_size;

        is_good &= publish(request, run, failed->code == 0 ? buffer + at : NULL, failed);
    }
    return is_good;
}

/* What it brings is here, or will not come. False: its blocks have failed already. */
static bool land(struct ps_request *request)
{
    bool is_in_time;
    uint64_t mask;

    ps_lock(&ps_fetch_lock, &mask);
    is_in_time = request->state == PS_REQUEST_RUNNING;
    request->state = PS_REQUEST_LANDED;
    ps_unlock(&ps_fetch_lock, &mask);
    return is_in_time;
}

void ps_fetch_perform(struct ps_request *request, void *buffer)
{
    uint64_t began = ps_profile_is_on() ? ps_now_ns() : 0;
    struct ps_error error = {0};

    ps_handle_limit(request->image->handle, &request->clock);
    ps_fetch_read(request, buffer, &error);
    if (land(request))
        ps_fetch_publish(request, buffer, &error);
    ps_handle_limit(request->image->handle, NULL);
    if (request->ahead || request->fault_ns != 0) /* else who waited will say so */
        for (unsigned i = 0; i < request->runs; i++)
            ps_profile_arrived(request->image, request->run[i].first, request->run[i].count, began,
                               i == 0 ? request->fault_ns : 0);
    if (request->fault_ns != 0)
        ps_stats_stall(request->image->record, ps_now_ns() - request->fault_ns);
    ps_request_free(request);
}

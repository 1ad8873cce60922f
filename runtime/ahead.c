/* ahead.c: see ahead.h */
#include "ahead.h"

#include <stddef.h>

enum { WINDOW_FIRST = 128 << 10, WINDOW_MAX = 8 << 20 };

static uint64_t load(_Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static void store(_Atomic uint64_t *value, uint64_t to)
{
    atomic_store_explicit(value, to, memory_order_relaxed);
}

/*
 * An access continues a stream when it begins at, or a little before, its end:
 * readers step back over a header they read, threads overtake each other.
 */
static struct ps_stream *stream_of(struct ps_ahead *ahead, uint64_t first)
{
    for (int i = 0; i < PS_STREAMS; i++) {
        struct ps_stream *stream = &ahead->stream[i];
        uint64_t next = load(&stream->next);
        uint64_t end = load(&stream->end);
        if (next != 0 && first <= (end > next ? end : next) && first + 8 >= next)
            return stream;
    }
    return NULL;
}

static void stream_begin(struct ps_ahead *ahead, uint64_t first, uint64_t next)
{
    uint32_t turn = atomic_fetch_add_explicit(&ahead->turn, 1, memory_order_relaxed);
    struct ps_stream *stream = &ahead->stream[turn % PS_STREAMS];

    atomic_store_explicit(&stream->window, 0, memory_order_relaxed);
    store(&stream->begin, first);
    store(&stream->end, next);
    store(&stream->next, next);
}

uint64_t ps_ahead_access(struct ps_ahead *ahead, uint64_t first, uint64_t count, uint64_t blocks,
                         uint32_t block_size, uint64_t *from)
{
    struct ps_stream *stream = stream_of(ahead, first);
    uint64_t next = first + count, end, want;
    uint32_t window;

    if (stream == NULL) {
        stream_begin(ahead, first, next);
        return 0;
    }
    if (next <= load(&stream->next))
        return 0;
    store(&stream->next, next);
    window = atomic_load_explicit(&stream->window, memory_order_relaxed);
    end = load(&stream->end);
    if (end < next)
        end = next;
    /* while more than half of the window is still ahead, there is nothing to do */
    if (window != 0 && end - next > window / 2)
        return 0;
    window = window == 0 ? WINDOW_FIRST / block_size : window * 2;
    if (window > next - load(&stream->begin))
        window = (uint32_t)(next - load(&stream->begin));
    if (window > WINDOW_MAX / block_size)
        window = WINDOW_MAX / block_size;
    atomic_store_explicit(&stream->window, window, memory_order_relaxed);
    want = next + window < blocks ? next + window : blocks;
    if (want <= end)
        return 0;
    store(&stream->end, want);
    *from = end;
    return want - end;
}

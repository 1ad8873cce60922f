/* ahead.c: see ahead.h */
#include "ahead.h"

#include <stddef.h>

/* Bytes: of the first window, and of the longest ones. */
enum { WINDOW_FIRST = 128 << 10, WINDOW_NEAR = 8 << 20 };
enum { WINDOW_FAR = 16 << 20, WINDOW_MAX = 64 << 20 };
/* A slow link is not filled for longer: a touch of something else would wait behind it. */
enum { WINDOW_SECONDS = 2, WINDOW_LEAST = 512 << 10 };
enum { FAR_NS = 2000000 }; /* of a latency; what is nearer is as good as here */
enum { FAR_TIMES = 3 };    /* so much of what was read is fetched ahead from far away */
/* Requests of a far store: so many of what is asked for at once, or of a window. */
enum { PARTS = 8, WINDOW_PARTS = 32, PART_LEAST = 128 << 10 };
enum { READS_ON = 64 << 10 }; /* bytes of a first access, at the begin, that are a stream already */
enum { SMALL = 256 << 10 };   /* bytes of a request that takes a latency, and not much more */
enum { SETTLES_NS = 1000000000 };   /* connections are as fast as they get then */
enum { COUNTED_NS = 50 * 1000000 }; /* that bytes are counted for, before they are a rate */
enum { STRIDED_FIRST = 4, STRIDED_MAX = 64 }; /* accesses */
enum { STRIDE_MAX = 4 << 20 }; /* bytes; two accesses further apart are two streams */
enum { SLACK = 8, SHRINK_MAX = 6 };

enum stream_kind {
    UNUSED,
    FRESH,    /* one access */
    FORWARD,  /* sequential */
    BACKWARD, /* sequential, counted from the object's end */
    STRIDED
};

static uint64_t load(_Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static void store(_Atomic uint64_t *value, uint64_t to)
{
    atomic_store_explicit(value, to, memory_order_relaxed);
}

static enum stream_kind kind_of(struct ps_stream *stream)
{
    return (enum stream_kind)atomic_load_explicit(&stream->kind, memory_order_relaxed);
}

static void set(struct ps_stream *stream, enum stream_kind kind, uint64_t begin, uint64_t next)
{
    atomic_store_explicit(&stream->window, 0, memory_order_relaxed);
    store(&stream->begin, begin);
    store(&stream->next, next);
    store(&stream->end, next);
    atomic_store_explicit(&stream->kind, (uint8_t)kind, memory_order_relaxed);
}

/*
 * An access continues a sequential stream when it begins at, or a little
 * before, its end: readers step back over a header they read, threads overtake
 * each other.
 */
static bool continues(struct ps_stream *stream, uint64_t first)
{
    uint64_t next = load(&stream->next), end = load(&stream->end);

    return first <= (end > next ? end : next) && first + SLACK >= next;
}

/*
 * The next of a strided stream, or one behind it as far as what was asked for:
 * with uffd the kernel itself serves touches of what is there, and says nothing.
 */
static bool strides(struct ps_stream *stream, uint64_t first)
{
    int64_t stride = atomic_load_explicit(&stream->stride, memory_order_relaxed);
    int64_t next = (int64_t)load(&stream->next), from = (int64_t)first - next, steps;

    if (stride == 0 || from % stride != 0)
        return stride == 0 && from == 0; /* the same blocks again */
    steps = from / stride;
    return steps >= 1 && steps <= ((int64_t)load(&stream->end) - next) / stride + 1;
}

/* Of which stream is this access? A fresh one goes the way of its second access. */
static struct ps_stream *stream_of(struct ps_ahead *ahead, uint64_t first, uint64_t count,
                                   uint64_t blocks)
{
    for (int i = 0; i < PS_STREAMS; i++) {
        struct ps_stream *stream = &ahead->stream[i];
        uint64_t begin = load(&stream->begin), next = load(&stream->next);
        enum stream_kind kind = kind_of(stream);

        if ((kind == FORWARD && continues(stream, first)) ||
            (kind == BACKWARD && continues(stream, blocks - first - count)) ||
            (kind == STRIDED && strides(stream, first)))
            return stream;
        if (kind == FRESH && first >= begin && first <= next) {
            set(stream, FORWARD, begin, next);
            return stream;
        }
        if (kind == FRESH && first < begin && first + count >= begin) {
            set(stream, BACKWARD, blocks - next, blocks - begin);
            return stream;
        }
    }
    return NULL;
}

static struct ps_stream *fresh_at(struct ps_ahead *ahead, uint64_t first)
{
    for (int i = 0; i < PS_STREAMS; i++)
        if (kind_of(&ahead->stream[i]) == FRESH && load(&ahead->stream[i].begin) == first)
            return &ahead->stream[i];
    return NULL;
}

/* Three accesses at equal distances, among those that belong to no stream, are one. */
static struct ps_stream *find_stride(struct ps_ahead *ahead, uint64_t first, uint64_t most)
{
    for (int i = 0; i < PS_STREAMS; i++) {
        struct ps_stream *second = &ahead->stream[i], *one;
        uint64_t begin = load(&second->begin);
        int64_t stride = (int64_t)(first - begin);

        if (kind_of(second) != FRESH || stride == 0 ||
            (uint64_t)(stride + (int64_t)most) > 2 * most)
            continue;
        one = fresh_at(ahead, begin - (uint64_t)stride);
        if (one == NULL)
            continue;
        set(one, UNUSED, 0, 0);
        set(second, STRIDED, begin, begin);
        atomic_store_explicit(&second->stride, stride, memory_order_relaxed);
        return second;
    }
    return NULL;
}

/* A stream that ended took back nothing of its last window: later ones shall ask for less. */
static void give_up(struct ps_ahead *ahead, struct ps_stream *stream)
{
    enum stream_kind kind = kind_of(stream);
    uint64_t next = load(&stream->next), end = load(&stream->end), used, shrink;

    if ((kind != FORWARD && kind != BACKWARD) || end <= next)
        return;
    atomic_fetch_add_explicit(&ahead->unused, end - next, memory_order_relaxed);
    used = next - load(&stream->begin);
    shrink = atomic_load_explicit(&ahead->shrink, memory_order_relaxed);
    if (used < 2 * (end - next) && shrink < SHRINK_MAX)
        atomic_store_explicit(&ahead->shrink, (uint32_t)shrink + 1, memory_order_relaxed);
    else if (used > 8 * (end - next) && shrink > 0)
        atomic_store_explicit(&ahead->shrink, (uint32_t)shrink - 1, memory_order_relaxed);
}

/* By what it knows: at, from the end that the stream counts from, was asked for ahead of it. */
static bool has_asked(struct ps_stream *stream, uint64_t at)
{
    uint64_t next = load(&stream->next), end = load(&stream->end);
    int64_t stride = atomic_load_explicit(&stream->stride, memory_order_relaxed);

    if (kind_of(stream) == STRIDED)
        return stride != 0 && (int64_t)(end - at) / stride >= 0;
    return at >= next && at < end;
}

/*
 * What a stream asked for and is not here was evicted since: the stream is an
 * older scan's, or one that memory has no room for. It would not ask again.
 */
static struct ps_stream *live_stream_of(struct ps_ahead *ahead, const struct ps_access *access,
                                        uint64_t blocks)
{
    const uint64_t from_end = blocks - access->first - access->count;
    struct ps_stream *stream;

    while ((stream = stream_of(ahead, access->first, access->count, blocks)) != NULL &&
           access->is_missed) {
        uint64_t at = kind_of(stream) == BACKWARD ? from_end : access->first;

        if (!has_asked(stream, at))
            break;
        store(&stream->next, at); /* so far its reader had come, perhaps seen by nobody */
        give_up(ahead, stream);
        set(stream, UNUSED, 0, 0);
    }
    return stream;
}

static struct ps_stream *stream_begin(struct ps_ahead *ahead, uint64_t first, uint64_t count)
{
    uint32_t turn = atomic_fetch_add_explicit(&ahead->turn, 1, memory_order_relaxed);
    struct ps_stream *stream = &ahead->stream[turn % PS_STREAMS];

    give_up(ahead, stream);
    set(stream, FRESH, first, first + count);
    return stream;
}

/* What bounds windows, in blocks. */
struct bounds {
    uint64_t first, most;
    bool told; /* sequential, by the program's word */
    bool is_far;
};

/* A sequential stream has come to next: how many blocks to ask for, and from where on? */
static uint64_t widen(struct ps_stream *stream, uint64_t next, uint64_t blocks,
                      const struct bounds *bounds, uint64_t *from)
{
    uint64_t end = load(&stream->end), used = next - load(&stream->begin), want;
    uint64_t window = atomic_load_explicit(&stream->window, memory_order_relaxed);

    if (next <= load(&stream->next))
        return 0;
    store(&stream->next, next);
    if (end < next)
        end = next;
    /* while more than half of the window is still ahead, there is nothing to do */
    if (window != 0 && end - next > window / 2)
        return 0;
    window = window == 0 ? bounds->first : window * 2;
    if (bounds->is_far)
        window = used = used * FAR_TIMES;
    else if (bounds->told)
        used = used * 2 > bounds->first ? used * 2 : bounds->first;
    if (window > used)
        window = used;
    if (window > bounds->most)
        window = bounds->most;
    atomic_store_explicit(&stream->window, (uint32_t)window, memory_order_relaxed);
    want = next + window < blocks ? next + window : blocks;
    if (want <= end)
        return 0;
    store(&stream->end, want);
    *from = end;
    return want - end;
}

static bool go_on(struct ps_stream *stream, uint64_t first, uint64_t count, uint64_t blocks,
                  const struct bounds *bounds, struct ps_ahead_plan *plan)
{
    bool backward = kind_of(stream) == BACKWARD;
    uint64_t next = backward ? blocks - first : first + count, from = 0;
    uint64_t more = widen(stream, next, blocks, bounds, &from);

    *plan =
        (struct ps_ahead_plan){backward ? blocks - from - more : from, more, 0, 1, backward, false};
    return more > 0;
}

/* The next of a strided stream. Accesses are counted from the last one, so that any sign will do.
 */
static bool stride_on(struct ps_stream *stream, uint64_t first, uint64_t count, uint64_t blocks,
                      const struct bounds *bounds, struct ps_ahead_plan *plan)
{
    int64_t stride = atomic_load_explicit(&stream->stride, memory_order_relaxed);
    uint64_t window = atomic_load_explicit(&stream->window, memory_order_relaxed), ahead, room;

    if (stride == 0) /* the same blocks again */
        return false;
    ahead = (uint64_t)(((int64_t)load(&stream->end) - (int64_t)first) / stride);
    if ((int64_t)ahead < 0)
        ahead = 0;
    store(&stream->next, first);
    if (window != 0 && ahead > window / 2)
        return false;
    window = window == 0 ? STRIDED_FIRST : window * 2 > STRIDED_MAX ? STRIDED_MAX : window * 2;
    room = stride > 0 ? (blocks - first - count) / (uint64_t)stride : first / (uint64_t)-stride;
    if (window > room)
        window = room;
    if (window > bounds->most / count)
        window = bounds->most / count;
    if (window <= ahead)
        return false;
    atomic_store_explicit(&stream->window, (uint32_t)window, memory_order_relaxed);
    store(&stream->end, (uint64_t)((int64_t)first + (int64_t)window * stride));
    *plan = (struct ps_ahead_plan){(uint64_t)((int64_t)first + (int64_t)(ahead + 1) * stride),
                                   count,
                                   stride,
                                   window - ahead,
                                   false,
                                   false};
    return true;
}

static bool is_far(struct ps_pace *pace)
{
    uint64_t latency = load(&pace->latency_ns);

    return latency == 0 ? pace->is_remote : latency >= FAR_NS;
}

/*
 * What is on its way when the link is full is latency times rate. Requests that
 * are served at once end at once, and the last one is waited for: so that the
 * link is never empty then, as many again must be on their way, and as many
 * wait for a worker. Windows are refilled when half of one is left.
 */
static uint64_t far_window(struct ps_pace *pace)
{
    uint64_t latency_us = load(&pace->latency_ns) / 1000, rate = load(&pace->bytes_per_s), window;
    bool is_settled = rate != 0 && load(&pace->began_ns) >= load(&pace->settles_ns);

    if (latency_us == 0 || rate / 1000000 > WINDOW_MAX / latency_us)
        window = latency_us == 0 ? 0 : WINDOW_MAX;
    else
        window = 8 * latency_us * rate / 1000000;
    window = window < WINDOW_FAR ? WINDOW_FAR : window > WINDOW_MAX ? WINDOW_MAX : window;
    if (is_settled && window > rate * WINDOW_SECONDS)
        window = rate * WINDOW_SECONDS;
    return window > WINDOW_LEAST ? window : WINDOW_LEAST;
}

uint64_t ps_ahead_request(struct ps_ahead *ahead, uint64_t bytes)
{
    uint64_t most = far_window(ahead->pace) / WINDOW_PARTS, part = bytes / PARTS;

    if (!is_far(ahead->pace))
        return PS_REQUEST_USUAL;
    return part > most ? most : part < PART_LEAST ? PART_LEAST : part;
}

bool ps_ahead_access(struct ps_ahead *ahead, const struct ps_access *access, uint64_t blocks,
                     uint32_t block_size, struct ps_ahead_plan *plan)
{
    const uint64_t first = access->first, count = access->count;
    uint32_t shrink = atomic_load_explicit(&ahead->shrink, memory_order_relaxed);
    uint64_t most = ahead->window_max, usual;
    struct bounds bounds = {.first = WINDOW_FIRST / block_size,
                            .told = access->advice == PS_ADVICE_SEQUENTIAL,
                            .is_far = is_far(ahead->pace)};
    struct ps_stream *stream;

    if (ahead->is_off || access->advice == PS_ADVICE_RANDOM)
        return false;
    if (bounds.is_far && first == 0 && count * block_size >= READS_ON)
        bounds.told = true;
    usual = bounds.is_far ? far_window(ahead->pace) : WINDOW_NEAR;
    if (most == 0 || most > usual)
        most = usual;
    bounds.most = (most >> shrink) / block_size;
    stream = live_stream_of(ahead, access, blocks);
    if (stream == NULL && !bounds.told)
        stream = find_stride(ahead, first, STRIDE_MAX / block_size);
    if (stream == NULL) {
        stream = stream_begin(ahead, first, count);
        if (!bounds.told)
            return false;
        set(stream, FORWARD, first, first);
        bounds.first >>= shrink; /* where that was never true, a program jumps about */
    }
    if (kind_of(stream) == STRIDED)
        return stride_on(stream, first, count, blocks, &bounds, plan);
    if (!go_on(stream, first, count, blocks, &bounds, plan))
        return false;
    plan->is_far = bounds.is_far;
    return true;
}

/* The least that one took; but that of a short moment must not hold for ever. */
static void measure_latency(struct ps_pace *pace, uint64_t bytes, uint64_t took_ns)
{
    uint64_t latency = load(&pace->latency_ns);

    if (latency == 0 || took_ns < latency)
        store(&pace->latency_ns, took_ns);
    else if (bytes <= SMALL)
        store(&pace->latency_ns, latency + (took_ns - latency) / 64);
}

/* What came while it was counted. A reader that wants less makes a link no slower at once. */
static void measure_rate(struct ps_pace *pace, uint64_t bytes, uint64_t took_ns, uint64_t now_ns)
{
    uint64_t began = load(&pace->began_ns), before = load(&pace->bytes_per_s), rate;

    if (began == 0) {
        began = now_ns - took_ns;
        store(&pace->settles_ns, began + SETTLES_NS);
        store(&pace->began_ns, began);
    }
    bytes += load(&pace->bytes);
    if (now_ns < began + COUNTED_NS) {
        store(&pace->bytes, bytes);
        return;
    }
    rate = bytes * 1000 / ((now_ns - began) / 1000000);
    store(&pace->bytes_per_s, rate > before ? rate : before - before / 16);
    store(&pace->bytes, 0);
    store(&pace->began_ns, now_ns);
}

void ps_ahead_measure(struct ps_pace *pace, uint64_t bytes, uint64_t took_ns, uint64_t now_ns)
{
    measure_latency(pace, bytes, took_ns);
    measure_rate(pace, bytes, took_ns, now_ns);
}

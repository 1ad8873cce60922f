/*
 * ahead.h: notices streams of accesses to an image and says what to fetch ahead
 *
 * A few streams per image, each sequential, backward or strided, from reads
 * and from touches alike. A stream has a window that doubles while accesses
 * continue it, up to what it has read so far: never more is fetched in vain
 * than was used; up to twice that where the program said that it reads
 * sequentially. Windows that go unused shrink those of later streams. Random
 * access opens streams that never continue, and fetches nothing ahead. From a
 * store that is far away, where the way takes longer than the bytes, up to three
 * times what was read is fetched ahead, in windows as long as its link is wide.
 * All fields are hints that threads may race on: a lost update costs a window,
 * never a byte.
 */
#ifndef PS_AHEAD_H
#define PS_AHEAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { PS_STREAMS = 32 };
/* Bytes that one request reads: at most, and of what is near. */
enum { PS_REQUEST_MAX = 2 << 20, PS_REQUEST_USUAL = 1 << 20 };

/* What a program said of accesses to come: the numbers of posix_fadvise and madvise. */
enum ps_advice {
    PS_ADVICE_NORMAL,
    PS_ADVICE_RANDOM,    /* nothing is to be fetched ahead */
    PS_ADVICE_SEQUENTIAL /* the first access is a stream already, and windows grow faster */
};

/*
 * A sequential stream is [begin, next), and what was asked for ahead of it ends
 * at end. Of a backward one these count from the object's end. Of a strided one
 * begin and next are the first and the last access, and end the last one that
 * was asked for; all lie stride blocks apart.
 */
struct ps_stream {
    _Atomic uint64_t begin, next, end;
    _Atomic int64_t stride;  /* 0: not strided */
    _Atomic uint32_t window; /* blocks, or strided accesses, to keep ahead */
    _Atomic uint8_t kind;    /* an enum stream_kind (ahead.c); 0: unused */
};

/* What requests to a store have taken so far: the product of both is what its link holds. */
struct ps_pace {
    _Atomic uint64_t latency_ns;      /* of a small one; 0: not known */
    _Atomic uint64_t bytes_per_s;     /* of all at once; 0: not known */
    _Atomic uint64_t began_ns, bytes; /* what is being counted */
    _Atomic uint64_t settles_ns; /* until then the rate is one of connections that are slow yet */
    bool is_remote;              /* behind a network: far, as long as nothing is measured */
};

struct ps_ahead {
    struct ps_stream stream[PS_STREAMS];
    struct ps_pace *pace;    /* of the store (handle.h): what one object taught holds for others */
    _Atomic uint32_t turn;   /* which stream is given up next */
    _Atomic uint32_t shrink; /* windows are this many times halved */
    uint32_t window_max;     /* bytes; 0: as the store's pace says */
    bool is_off;             /* nothing is to be fetched ahead */
    _Atomic uint64_t unused; /* blocks that were asked for ahead of streams that then ended */
};

/* What to fetch: times runs of count blocks, the first at first, stride blocks apart. */
struct ps_ahead_plan {
    uint64_t first, count;
    int64_t stride;
    uint64_t times;
    bool backward; /* the end is needed first */
    bool is_far;   /* more is to be on its way at once than for what is near */
};

/* An access to blocks [first, first+count). */
struct ps_access {
    uint64_t first, count;
    enum ps_advice advice;
    bool is_missed; /* one of them was neither here nor asked for */
};

/*
 * ps_ahead_access: some of the object's blocks are touched now
 *
 * Fills *plan, and returns whether there is something to fetch ahead. All of
 * the plan lies in the object. Random accesses, by their program's word, are
 * none of any stream. Safe in a signal handler.
 */
bool ps_ahead_access(struct ps_ahead *ahead, const struct ps_access *access, uint64_t blocks,
                     uint32_t block_size, struct ps_ahead_plan *plan);

/*
 * ps_ahead_request: how many of so many bytes one request should be for
 *
 * From far away several are on their way at once, over connections that are slow
 * to begin with. Safe in a signal handler.
 */
uint64_t ps_ahead_request(struct ps_ahead *ahead, uint64_t bytes);

/* ps_ahead_measure: a request of so many bytes took so long, and ended now. Safe in a handler. */
void ps_ahead_measure(struct ps_pace *pace, uint64_t bytes, uint64_t took_ns, uint64_t now_ns);

#endif

/*
 * ahead.h: notices sequential access to an image and says what to fetch ahead
 *
 * A few streams per image. Each remembers where the next access would be and
 * how much is fetched ahead; it doubles while accesses continue it, up to what
 * the stream has read so far: never more is fetched in vain than was used. Random access opens
 * streams that never continue, and fetches nothing ahead. All fields are hints that threads may
 * race on: a lost update costs a window, never a byte.
 */
#ifndef PS_AHEAD_H
#define PS_AHEAD_H

#include <stdatomic.h>
#include <stdint.h>

enum { PS_STREAMS = 8 };

struct ps_stream {
    _Atomic uint64_t begin;  /* block that it began with */
    _Atomic uint64_t next;   /* block after the last access; 0: unused */
    _Atomic uint64_t end;    /* block after what was asked for ahead */
    _Atomic uint32_t window; /* blocks to keep ahead; 0: not seen to continue */
};

struct ps_ahead {
    struct ps_stream stream[PS_STREAMS];
    _Atomic uint32_t turn; /* which stream is given up next */
};

/*
 * ps_ahead_access: blocks [first, first+count) of blocks are touched now
 *
 * Returns how many blocks to fetch ahead, from *from on; 0: none.
 */
uint64_t ps_ahead_access(struct ps_ahead *ahead, uint64_t first, uint64_t count, uint64_t blocks,
                         uint32_t block_size, uint64_t *from);

#endif

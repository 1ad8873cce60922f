/*
 * computed.h: the bytes of a computed object
 *
 * Byte i of any object of memory://name?computed=SIZE is
 *
 *     b = (mix(i / 8) >> 8 * (i % 8)) & 255;   b == 0 ? 1 : b
 *
 * so an object of any size needs no memory, every byte can be checked where it
 * stands, and the zeros of a hole can't pass for data.
 */
#ifndef PS_COMPUTED_H
#define PS_COMPUTED_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ps_computed_word: bytes 8 * index to 8 * index + 7, the first in the lowest bits */
static inline uint64_t ps_computed_word(uint64_t index)
{
    const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t w = (index + 1) * UINT64_C(0x9e3779b97f4a7c15); /* the finalizer of splitmix64 */

    w = (w ^ w >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    w = (w ^ w >> 27) * UINT64_C(0x94d049bb133111eb);
    w ^= w >> 31;
    return w | ~(((w & low7) + low7) | w | low7) >> 7; /* 1 where a byte is 0 */
}

static inline unsigned char ps_computed_byte(uint64_t offset)
{
    return (unsigned char)(ps_computed_word(offset / 8) >> 8 * (offset % 8));
}

/* ps_computed_fill: size bytes from offset */
static inline void ps_computed_fill(void *buffer, size_t size, uint64_t offset)
{
    unsigned char *to = buffer;

    for (; size > 0 && offset % 8 != 0; size--)
        *to++ = ps_computed_byte(offset++);
    for (; size >= 8; size -= 8, to += 8, offset += 8) {
        uint64_t word = ps_computed_word(offset / 8); /* libps runs on little-endian machines */
        memcpy(to, &word, 8);
    }
    for (; size > 0; size--)
        *to++ = ps_computed_byte(offset++);
}

#endif

/* clock.c: see clock.h */
#include "base/clock.h"

#include <stdatomic.h>

/*
 * When somebody called last, in hundredths of a second, and above that the
 * seconds that were left out: in one word, so that of two who meet a gap one
 * counts it, and the other takes what that one made of it.
 */
static _Atomic uint64_t seen;

enum { SEEN_BITS = 36, HUNDREDTH_NS = 10000000, SECOND = 100, GAP = 2 * SECOND };

uint64_t ps_run_ns(void)
{
    for (;;) {
        /* in this order: a stop may come between */
        uint64_t was = atomic_load(&seen), now = ps_now_ns();
        uint64_t last = was & ((UINT64_C(1) << SEEN_BITS) - 1), left_out = was >> SEEN_BITS;
        uint64_t at = now / HUNDREDTH_NS;

        if (last != 0 && at > last + GAP)
            left_out += (at - last) / SECOND;
        if (at <= last || atomic_compare_exchange_strong(&seen, &was, left_out << SEEN_BITS | at))
            return now - left_out * 1000000000;
    }
}

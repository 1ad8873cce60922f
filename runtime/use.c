/* use.c: see use.h */
#include "use.h"

#include <limits.h>

#include "base/clock.h"
#include "base/lock.h"
#include "release.h"

enum { PATIENCE_MS = 100, COURTESY_MS = 1 };

/* How often this thread is inside; more than once in a handler that interrupted a call. */
static __thread unsigned inside __attribute__((tls_model("initial-exec")));

static bool enter(struct ps_image *image)
{
    atomic_fetch_add(&image->users, 1);
    /* users first, then evicting; ps_use_exclude does it the other way round: one of us sees */
    if (atomic_load(&image->evicting) == 0)
        return true;
    atomic_fetch_sub(&image->users, 1);
    ps_wake(&image->users, INT_MAX, false);
    return false;
}

void ps_use_begin(struct ps_image *image)
{
    while (!enter(image)) {
        atomic_store(&image->turned_away, 1);
        ps_wait(&image->evicting, 1, 100, false);
    }
    if (atomic_load(&image->turned_away) != 0 && atomic_exchange(&image->turned_away, 0) != 0)
        ps_wake(&image->turned_away, INT_MAX, false);
    inside++;
}

void ps_use_end(struct ps_image *image)
{
    inside--;
    if (atomic_fetch_sub(&image->users, 1) == 1 && atomic_load(&image->evicting) != 0)
        ps_wake(&image->users, INT_MAX, false);
}

bool ps_use_exclude(struct ps_image *image)
{
    uint64_t end = ps_now_ms() + PATIENCE_MS;
    uint32_t users;

    /* who was turned away goes first, or evictions in a row would starve it; for a moment only, as
     * it may have left its wait by siglongjmp */
    if (atomic_load(&image->turned_away) != 0)
        ps_wait(&image->turned_away, 1, COURTESY_MS, false);
    atomic_store(&image->turned_away, 0);
    atomic_store(&image->evicting, 1);
    /* by the clock: whoever comes now, and turns away, wakes us too */
    while ((users = atomic_load(&image->users)) != 0 && ps_now_ms() < end)
        ps_wait(&image->users, users, 10, false);
    if (users == 0)
        return true;
    ps_use_readmit(image);
    return false;
}

void ps_use_readmit(struct ps_image *image)
{
    atomic_store(&image->evicting, 0);
    ps_wake(&image->evicting, INT_MAX, false);
}

void ps_use_fork_child(void)
{
    uint32_t slots = ps_object_slots();

    /* a handler that forked inside a call of this thread: that call will come to its end here */
    for (uint32_t i = 0; i < slots && inside == 0; i++)
        atomic_store(&ps_images[i].users, 0);
}

/* asleep.c: see asleep.h */
#include "engine/asleep.h"

#include <stdatomic.h>

enum { ROOM = 128 }; /* of each thread one touch at most waits */

static _Atomic uintptr_t pages[ROOM]; /* 0: free */
static struct what {
    _Atomic(const struct ps_image *) image;
    _Atomic uint64_t offset;
} whats[ROOM];
static _Atomic bool overflowed;

/* Of two who want to change it one does. */
static bool change(int i, uintptr_t from, uintptr_t to)
{
    return atomic_compare_exchange_strong(&pages[i], &from, to);
}

static bool is_of(int i, const struct ps_image *image, uint64_t offset, uint64_t size)
{
    return atomic_load_explicit(&whats[i].image, memory_order_relaxed) == image &&
           atomic_load_explicit(&whats[i].offset, memory_order_relaxed) - offset < size;
}

/* Listed already, as another thread, or the same before a signal, touched it. */
static bool is_listed(int i, const struct ps_image *image, uint64_t offset, uintptr_t page)
{
    /* changed, to the same: who takes it from here on wakes who sleeps by now */
    return is_of(i, image, offset, 1) && change(i, page, page);
}

void ps_asleep_add(const struct ps_image *image, uint64_t offset, uintptr_t page)
{
    bool listed = false;
    int room = -1;

    for (int i = 0; i < ROOM && !listed; i++) {
        uintptr_t at = atomic_load_explicit(&pages[i], memory_order_relaxed);

        if (at == 0 && room < 0)
            room = i;
        listed = at == page && is_listed(i, image, offset, page);
    }
    if (!listed && room < 0) {
        atomic_store(&overflowed, true);
    } else if (!listed) {
        atomic_store_explicit(&whats[room].image, image, memory_order_relaxed);
        atomic_store_explicit(&whats[room].offset, offset, memory_order_relaxed);
        atomic_store_explicit(&pages[room], page, memory_order_release);
    }
    /* against that in ps_asleep_take: either it sees the page here, or the caller the new state */
    atomic_thread_fence(memory_order_seq_cst);
}

void ps_asleep_remove(uintptr_t page)
{
    for (int i = 0; i < ROOM; i++)
        if (atomic_load_explicit(&pages[i], memory_order_relaxed) == page && change(i, page, 0))
            return;
}

uintptr_t ps_asleep_take(const struct ps_image *image, uint64_t offset, uint64_t size)
{
    atomic_thread_fence(memory_order_seq_cst); /* see ps_asleep_add */
    for (int i = 0; i < ROOM; i++) {
        uintptr_t page = atomic_load_explicit(&pages[i], memory_order_acquire);

        /* one that is listed anew meanwhile is another page, or waits for these bytes just so */
        if (page != 0 && is_of(i, image, offset, size) && change(i, page, 0))
            return page;
    }
    return 0;
}

bool ps_asleep_all(void)
{
    return !atomic_load(&overflowed);
}

void ps_asleep_forget(uintptr_t start, uintptr_t end)
{
    for (int i = 0; i < ROOM; i++) {
        uintptr_t page = atomic_load_explicit(&pages[i], memory_order_relaxed);

        if (page >= start && page < end)
            change(i, page, 0);
    }
}

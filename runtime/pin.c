/* pin.c: see pin.h */
#include "pin.h"

#include "release.h"
#include "use.h"

enum { PINS = 64, ALL = PINS /* what ps_pin returns where there is no room */ };

static struct pin {
    _Atomic(struct ps_image *) image; /* NULL: free */
    _Atomic uint64_t first, end;      /* blocks */
} pins[PINS];

/* How many this thread has; more than it is in where a handler jumped out of some. */
static __thread unsigned own __attribute__((tls_model("initial-exec")));

/* An eviction that is going on may not have seen the pin: wait for its end. */
static void await_eviction(struct ps_image *image)
{
    ps_use_begin(image);
    ps_use_end(image);
}

unsigned ps_pin(struct ps_image *image, uint64_t first, uint64_t count)
{
    unsigned pin;

    own++;
    atomic_fetch_add(&image->pins, 1);
    for (pin = 0; pin < PINS; pin++) {
        struct ps_image *none = NULL;
        if (atomic_compare_exchange_strong(&pins[pin].image, &none, image))
            break;
    }
    if (pin == ALL) {
        atomic_fetch_add(&image->pins_of_all, 1);
    } else {
        atomic_store(&pins[pin].first, first);
        atomic_store(&pins[pin].end, first + count);
    }
    await_eviction(image);
    return pin;
}

void ps_unpin(struct ps_image *image, unsigned pin)
{
    if (pin == ALL)
        atomic_fetch_sub(&image->pins_of_all, 1);
    else
        atomic_store(&pins[pin].image, NULL);
    atomic_fetch_sub(&image->pins, 1);
    own--;
}

/* It has what it had at any time in between. */
void ps_pin_widen(struct ps_image *image, unsigned pin, uint64_t first, uint64_t count)
{
    if (pin == ALL)
        return;
    if (first + count > atomic_load(&pins[pin].end))
        atomic_store(&pins[pin].end, first + count);
    if (first < atomic_load(&pins[pin].first))
        atomic_store(&pins[pin].first, first);
    await_eviction(image);
}

bool ps_pin_any(const struct ps_image *image)
{
    return atomic_load(&image->pins) != 0;
}

uint64_t ps_pin_free(const struct ps_image *image, uint64_t first, uint64_t count)
{
    if (!ps_pin_any(image))
        return count;
    if (atomic_load(&image->pins_of_all) != 0)
        return 0;
    for (int i = 0; i < PINS; i++) {
        uint64_t from = atomic_load(&pins[i].first), end = atomic_load(&pins[i].end);

        if (atomic_load(&pins[i].image) != image || end <= first || from >= first + count)
            continue;
        count = from > first ? from - first : 0;
    }
    return count;
}

void ps_pin_forget(struct ps_image *image)
{
    for (int i = 0; i < PINS; i++) {
        struct ps_image *left = image;
        atomic_compare_exchange_strong(&pins[i].image, &left, NULL);
    }
    atomic_store(&image->pins, 0);
    atomic_store(&image->pins_of_all, 0);
}

void ps_pin_fork_child(void)
{
    uint32_t slots = ps_object_slots();

    if (own > 0) /* a handler forked inside a call of this thread, which comes to its end here */
        return;
    for (int i = 0; i < PINS; i++)
        atomic_store(&pins[i].image, NULL);
    for (uint32_t i = 0; i < slots; i++) {
        atomic_store(&ps_images[i].pins, 0);
        atomic_store(&ps_images[i].pins_of_all, 0);
    }
}

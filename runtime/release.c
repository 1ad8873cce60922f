/* release.c: see release.h */
#include "release.h"

#include <stdlib.h>

#include "base/dir.h"
#include "base/hold.h"
#include "base/sys.h"

enum { IMAGES_KEPT = 32 };
#define BYTES_KEPT (UINT64_C(256) << 20)

static _Atomic uint32_t made; /* descriptors of images, by the program, so far */

void ps_release_hold_off(void)
{
    atomic_fetch_add(&made, 1);
}

bool ps_release_quiet(uint32_t since)
{
    return atomic_load(&made) == since;
}

/* How many images there are, and the bytes in them. */
static void measure(uint32_t *images, uint64_t *bytes)
{
    uint32_t slots = ps_object_slots();

    *images = 0;
    *bytes = 0;
    for (uint32_t i = 0; i < slots; i++) {
        struct ps_image *image = &ps_images[i];
        if (!ps_image_get(image))
            continue;
        ++*images;
        if (image->table != NULL)
            *bytes += atomic_load(&image->table->ready) * image->table->block_size;
        ps_image_put(image);
    }
}

struct marks {
    bool *seen;
    uint32_t slots;
};

static int mark(int dir, const char *name, void *argument)
{
    struct marks *marks = argument;
    struct ps_image *image;
    struct stat st;
    int fd = atoi(name);

    (void)dir;
    if (ps_hold_has(fd) || sys_fstat(fd, &st) < 0)
        return 0;
    image = ps_image_find(st.st_dev, st.st_ino, marks->slots);
    if (image == NULL)
        return 0;
    if (ps_image_index(image) < marks->slots)
        marks->seen[ps_image_index(image)] = true;
    ps_image_put(image);
    return 0;
}

/* Mark the images that some descriptor of the process refers to; false: can't tell. */
static bool mark_all(bool *seen, uint32_t slots)
{
    struct marks marks = {seen, slots};

    return ps_dir_each("/proc/self/fd", mark, &marks) == 0;
}

/* A descriptor made since the look began, at a number that was already passed, was missed. */
static void sweep(const bool *seen, uint32_t slots, uint32_t since)
{
    for (uint32_t i = 0; i < slots && ps_release_quiet(since); i++)
        if (!seen[i])
            ps_object_release(&ps_images[i], since);
}

static atomic_flag turn = ATOMIC_FLAG_INIT; /* one thread looks at a time */
static uint32_t images_limit = IMAGES_KEPT; /* above these there is a look */
static uint64_t bytes_limit = BYTES_KEPT;

void ps_release_fork_child(void)
{
    atomic_flag_clear(&turn);
}

/* Under the turn: how many images were released. */
static uint32_t release(uint32_t images, uint32_t slots)
{
    uint32_t since = atomic_load(&made), left;
    uint64_t bytes;
    bool *seen = calloc(slots + 1, 1);

    if (seen == NULL)
        return 0;
    if (mark_all(seen, slots))
        sweep(seen, slots, since);
    free(seen);
    /* what is left is in use: look again only when there is twice as much */
    measure(&left, &bytes);
    images_limit = left < IMAGES_KEPT ? IMAGES_KEPT : 2 * left;
    bytes_limit = bytes < BYTES_KEPT ? BYTES_KEPT : 2 * bytes;
    return left < images ? images - left : 0;
}

bool ps_release_idle(bool now)
{
    uint32_t images, released = 0;
    uint64_t bytes;

    if (atomic_flag_test_and_set(&turn))
        return false;
    measure(&images, &bytes);
    if (now || images > images_limit || bytes > bytes_limit)
        released = release(images, ps_object_slots());
    atomic_flag_clear(&turn);
    return released > 0;
}

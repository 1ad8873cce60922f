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

void ps_release_fork_child(void)
{
    atomic_flag_clear(&turn);
}

void ps_release_idle(void)
{
    static uint32_t images_limit = IMAGES_KEPT;
    static uint64_t bytes_limit = BYTES_KEPT;
    uint32_t images, slots = ps_object_slots(), since = atomic_load(&made);
    uint64_t bytes;
    bool *seen;

    if (atomic_flag_test_and_set(&turn))
        return;
    measure(&images, &bytes);
    seen = images > images_limit || bytes > bytes_limit ? calloc(slots + 1, 1) : NULL;
    if (seen != NULL) {
        if (mark_all(seen, slots))
            sweep(seen, slots, since);
        free(seen);
        /* what is left is in use: look again only when there is twice as much */
        measure(&images, &bytes);
        images_limit = images < IMAGES_KEPT ? IMAGES_KEPT : 2 * images;
        bytes_limit = bytes < BYTES_KEPT ? BYTES_KEPT : 2 * bytes;
    }
    atomic_flag_clear(&turn);
}

/* region.c: the list of lazy memory, and its readers without locks */
#include <criterion/criterion.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "region.h"

static struct ps_image image = {.state = PS_IMAGE_LIVE};

static void add(uintptr_t start, uintptr_t end, uint64_t offset)
{
    struct ps_region region = {.start = start,
                               .end = end,
                               .image = &image,
                               .offset = offset,
                               .prot = 3,
                               .engine = PS_REGION_UFFD,
                               .map = ps_region_map()};
    cr_assert_eq(ps_region_add(&region, NULL), 0);
}

static void remove_range(uintptr_t start, uintptr_t end)
{
    uint64_t mask;

    ps_region_lock(&mask);
    ps_region_remove(start, end);
    ps_region_unlock(&mask);
}

static int set_prot(uintptr_t start, uintptr_t end, int prot)
{
    uint64_t mask;
    int result;

    ps_region_lock(&mask);
    result = ps_region_set_prot(start, end, prot);
    ps_region_unlock(&mask);
    return result;
}

static bool find(uintptr_t address, struct ps_region *region)
{
    bool found = ps_region_find(address, region);

    if (found)
        ps_image_put(region->image);
    return found;
}

Test(region, nothing_is_lazy_at_first)
{
    struct ps_region region;

    cr_expect_not(find(0x1000, &region));
    cr_expect_not(find(UINTPTR_MAX, &region));
    cr_expect_not(ps_region_near(0, 1 << 20));
}

Test(region, found_from_its_first_to_its_last_byte)
{
    struct ps_region region;

    add(0x20000, 0x30000, 0);
    add(0x10000, 0x11000, 0x5000);
    add(0x40000, 0x41000, 0);
    cr_expect_not(find(0xffff, &region));
    cr_expect(find(0x10000, &region) && region.offset == 0x5000);
    cr_expect(find(0x10fff, &region));
    cr_expect_not(find(0x11000, &region));
    cr_expect(find(0x2abcd, &region) && region.start == 0x20000);
    cr_expect(ps_region_near(0x40fff, 1));
    cr_expect_not(ps_region_near(0x41000, 100));
    cr_expect(ps_region_near(0xfff0, 0x11), "near looks at the whole buffer");
    cr_expect_not(ps_region_near(0xfff0, 0x10));
}

Test(region, removing_a_part_leaves_the_rest_with_its_offsets)
{
    struct ps_region region;

    add(0x10000, 0x20000, 0x100000);
    remove_range(0x14000, 0x16000);
    cr_expect_eq(ps_region_count(), 2);
    cr_expect(find(0x13fff, &region) && region.end == 0x14000);
    cr_expect_not(find(0x14000, &region));
    cr_expect_not(find(0x15fff, &region));
    cr_expect(find(0x16000, &region) && region.offset == 0x106000);
    remove_range(0, UINTPTR_MAX);
    cr_expect_eq(ps_region_count(), 0);
    cr_expect_eq(atomic_load(&image.refs), 0, "each region gave its reference back");
    cr_expect_eq(atomic_load(&image.regions), 0);
}

Test(region, what_was_unmapped_unseen_gives_way)
{
    struct ps_region region;

    add(0x10000, 0x20000, 0);
    add(0x18000, 0x19000, 0x500000);
    cr_expect_eq(ps_region_count(), 3);
    cr_expect(find(0x18000, &region) && region.offset == 0x500000);
    cr_expect(find(0x19000, &region) && region.offset == 0x9000);
}

Test(region, protection_splits)
{
    struct ps_region region;

    add(0x10000, 0x20000, 0);
    set_prot(0x12000, 0x13000, 1);
    cr_expect_eq(ps_region_count(), 3);
    cr_expect(find(0x11fff, &region) && region.prot == 3);
    cr_expect(find(0x12000, &region) && region.prot == 1);
    cr_expect(find(0x13000, &region) && region.prot == 3 && region.offset == 0x3000);
}

Test(region, equal_neighbours_are_one)
{
    struct ps_region region;

    add(0x100000, 0x200000, 0x5000);
    for (uintptr_t page = 0x100000; page < 0x200000; page += 0x1000) {
        set_prot(page, page + 0x1000, 1);
        cr_assert_leq(ps_region_count(), 2);
    }
    cr_expect_eq(ps_region_count(), 1);
    cr_expect(find(0x1fffff, &region) && region.start == 0x100000 && region.end == 0x200000);
    cr_expect_eq(region.offset, 0x5000);
    cr_expect_eq(atomic_load(&image.refs), 1);
    add(0x200000, 0x210000, 0x105000);
    set_prot(0x200000, 0x210000, 1);
    cr_expect_eq(ps_region_count(), 2, "they are of two maps");
}

Test(region, a_full_list_refuses_what_it_has_no_room_for)
{
    uintptr_t page = 0x10000000;
    int result = 0;

    add(page, page + ((uintptr_t)1 << 32), 0);
    for (; result == 0; page += 0x2000)
        result = set_prot(page, page + 0x1000, 1);
    cr_expect_eq(result, -ENOMEM);
    cr_expect_gt(ps_region_count(), 200000);
    cr_expect_eq(ps_region_room(0x10000800, 0x10000900, false), -ENOMEM);
    cr_expect_eq(ps_region_room(0x10000000, 0x10001000, false), 0);
    cr_expect_eq(set_prot(0, UINTPTR_MAX, 1), 0, "that needs none");
    cr_expect_eq(ps_region_count(), 1);
}

static _Atomic bool stop;

static void *change(void *unused)
{
    (void)unused;
    for (int i = 0; !stop; i++) {
        uintptr_t start = 0x100000 + (uintptr_t)(i % 64) * 0x10000;
        add(start, start + 0x8000, start);
        remove_range(start + 0x2000, start + 0x3000);
        remove_range(start, start + 0x8000);
    }
    return NULL;
}

/* whatever a reader finds is a region that was in the list: its offset is its address here */
Test(region, readers_see_whole_regions_while_others_write, .timeout = 60)
{
    struct ps_region region;
    pthread_t thread[2];
    unsigned found = 0;

    add(0x50000000, 0x50010000, 0x50000000);
    pthread_create(&thread[0], NULL, change, NULL);
    for (unsigned i = 0; i < 3000000; i++) {
        uintptr_t address = 0x100000 + (i * 4099u) % 0x400000;
        if (find(address, &region)) {
            found++;
            cr_assert_eq(region.offset, region.start);
            cr_assert(region.start <= address && address < region.end);
        }
        cr_assert(find(0x50008000, &region), "a region that stays is always found");
    }
    stop = true;
    pthread_join(thread[0], NULL);
    cr_expect_gt(found, 0);
    remove_range(0, UINTPTR_MAX);
    cr_expect_eq(atomic_load(&image.refs), 0);
}

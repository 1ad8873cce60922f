/* fetch.c: what may be taken over from an owner that is slow or dead */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "fetch.h"

static struct ps_image image;

static void make_loading(void)
{
    image.table = calloc(1, ps_table_size(4));
    cr_assert(image.table != NULL);
    ps_table_init(image.table, 4 * 4096, 4096);
    cr_assert(ps_table_claim(image.table, 1) && ps_table_claim(image.table, 2));
    atomic_store(&image.state, PS_IMAGE_LIVE);
}

Test(fetch, takes_over_what_another_process_left)
{
    struct ps_request *request;

    make_loading();
    ps_fetch_take_over(&image, 1);
    request = ps_fetch_take();
    cr_assert(request != NULL);
    cr_expect_eq(request->first, 1);
    cr_expect_eq(request->count, 2);
}

/* Its blocks are LOADING too; if they became READY, they would be READY over a hole. */
Test(fetch, never_takes_over_from_an_eviction)
{
    make_loading();
    atomic_store(&image.evicting, 1);
    ps_fetch_take_over(&image, 1);
    cr_expect(ps_fetch_take() == NULL);
}

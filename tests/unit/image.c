/* image.c: what kind of file images are */
#include <criterion/criterion.h>

#include <pthread.h>
#include <stdatomic.h>

#include "image.h"

enum { PROBES = 2000 };

static _Atomic int dense;

static void *probe(void *argument)
{
    for (int i = 0; i < PROBES; i++)
        if (!ps_image_sparse_memfd())
            atomic_fetch_add(&dense, 1);
    return argument;
}

/* Two first opens at once look at a file of their own each, and see the same. */
Test(image, probes_at_the_same_time_agree)
{
    bool alone = ps_image_sparse_memfd();
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, probe, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(atomic_load(&dense), alone ? 0 : 4 * PROBES);
}

/* use.c: calls that rely on READY blocks, and evictions */
#include <criterion/criterion.h>
#include <pthread.h>

#include "use.h"

static struct ps_image image;

Test(use, evictions_keep_out_while_a_call_is_inside)
{
    ps_use_begin(&image);
    cr_expect_not(ps_use_exclude(&image), "a call relies on blocks");
    ps_use_end(&image);
    cr_expect(ps_use_exclude(&image));
    ps_use_readmit(&image);
    ps_use_begin(&image);
    ps_use_end(&image);
}

static void *begin_and_end(void *unused)
{
    for (int i = 0; i < 20000; i++) {
        ps_use_begin(&image);
        ps_use_end(&image);
    }
    return unused;
}

Test(use, begin_and_exclude_never_deadlock, .timeout = 60)
{
    pthread_t thread[4];

    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, begin_and_end, NULL);
    for (int i = 0; i < 200; i++)
        if (ps_use_exclude(&image)) {
            cr_assert_eq(atomic_load(&image.evicting), 1);
            ps_use_readmit(&image);
        }
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    cr_expect_eq(atomic_load(&image.users), 0);
}

Test(use, who_left_its_wait_holds_up_no_eviction, .timeout = 60)
{
    atomic_store(&image.turned_away, 1); /* by siglongjmp */
    cr_expect(ps_use_exclude(&image));
    cr_expect_eq(atomic_load(&image.turned_away), 0);
    ps_use_readmit(&image);
}

/* segv_action.c: who handles SIGSEGV */
#include <criterion/criterion.h>

#include "engine/segv_action.h"

static void ours(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
}

/* two threads whose first lazy memory comes at once both start the engine */
Test(segv_action, installed_twice_the_action_stays_the_programs)
{
    struct sigaction theirs;

    signal(SIGSEGV, SIG_IGN);
    cr_assert_eq(ps_segv_install(ours), 0);
    cr_assert_eq(ps_segv_install(ours), 0);
    ps_segv_program_action(NULL, &theirs);
    cr_expect_eq(theirs.sa_handler, SIG_IGN);
}

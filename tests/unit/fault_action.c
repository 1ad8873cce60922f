/* fault_action.c: who handles SIGSEGV */
#include <criterion/criterion.h>

#include "engine/fault_action.h"

static void ours(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
}

/* two threads whose first lazy memory comes at once both start the engine */
Test(fault_action, installed_twice_the_action_stays_the_programs)
{
    struct sigaction theirs;

    signal(SIGSEGV, SIG_IGN);
    cr_assert_eq(ps_action_take(SIGSEGV, ours), 0);
    cr_assert_eq(ps_action_take(SIGSEGV, ours), 0);
    ps_action_program(SIGSEGV, NULL, &theirs);
    cr_expect_eq(theirs.sa_handler, SIG_IGN);
}

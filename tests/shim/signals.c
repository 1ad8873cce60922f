/*
 * signals.c: the program's SIGSEGV with an engine that uses SIGSEGV too
 *
 * Handlers set before and after the first lazy memory, one shot handlers, the
 * default, SIGSEGV blocked before and after, touches inside of handlers.
 *
 */
#include "check.h"

#include <pthread.h>

static unsigned char *map;
static volatile int calls;
static volatile unsigned char seen;

static void make_map(void)
{
    map = map_px("small", SMALL, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    BYTES(map, 10, 0);
}

static void null_dereference(void)
{
    int *nowhere = NULL;

    __asm__("" : "+r"(nowhere));
    *(volatile int *)nowhere = 1;
}

static void handler_before(void)
{
    catch_faults(SIGSEGV);
    make_map();
    CHECK(FAULT(null_dereference()) == SIGSEGV && fault_address == NULL);
    BYTES(map + 100 * PAGE, PAGE, 100 * PAGE);
    CHECK(FAULT(null_dereference()) == SIGSEGV);
    BYTES(map + 130 * PAGE, PAGE, 130 * PAGE);
}

static void handler_after(void)
{
    struct sigaction old;

    make_map();
    CHECK(sigaction(SIGSEGV, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
    catch_faults(SIGSEGV);
    CHECK(sigaction(SIGSEGV, NULL, &old) == 0 && old.sa_sigaction == on_fault);
    BYTES(map + 100 * PAGE, PAGE, 100 * PAGE);
    CHECK(FAULT(null_dereference()) == SIGSEGV && fault_address == NULL);
    BYTES(map + 120 * PAGE, PAGE, 120 * PAGE);
    CHECK(signal(SIGSEGV, SIG_DFL) == (void (*)(int))(void *)on_fault);
    BYTES(map + 140 * PAGE, PAGE, 140 * PAGE);
}

static void plain_handler(int number)
{
    fault_signal = number;
    siglongjmp(fault_back, 1);
}

static void old_calls(void)
{
    make_map();
    CHECK(sigset(SIGSEGV, plain_handler) == SIG_DFL);
    BYTES(map + 100 * PAGE, PAGE, 100 * PAGE);
    CHECK(FAULT(null_dereference()) == SIGSEGV);
    BYTES(map + 120 * PAGE, PAGE, 120 * PAGE);
    CHECK(sysv_signal(SIGSEGV, SIG_DFL) != SIG_ERR);
    BYTES(map + 140 * PAGE, PAGE, 140 * PAGE);
}

static void dies_now(void (*what)(void))
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        what();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV)
        FAIL("ended with 0x%x, not by SIGSEGV", status);
}

static void one_shot_twice(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_RESETHAND};

    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    if (FAULT(null_dereference()) != SIGSEGV)
        _exit(1);
    BYTES(map + 150 * PAGE, PAGE, 150 * PAGE);
    null_dereference();
}

static void raised(void)
{
    raise(SIGSEGV);
}

static void ignored(void)
{
    signal(SIGSEGV, SIG_IGN);
    raise(SIGSEGV); /* this one is ignored */
    BYTES(map + 160 * PAGE, PAGE, 160 * PAGE);
    null_dereference(); /* this one can't be */
}

static void defaults(void)
{
    make_map();
    dies_now(null_dereference);
    dies_now(one_shot_twice);
    dies_now(raised);
    dies_now(ignored);
    BYTES(map + 100 * PAGE, PAGE, 100 * PAGE);
}

static void block_all(void)
{
    sigset_t all;

    sigfillset(&all);
    CHECK(sigprocmask(SIG_BLOCK, &all, NULL) == 0);
}

static void blocked_after(void)
{
    make_map();
    block_all();
    BYTES(map + 100 * PAGE, PAGE, 100 * PAGE);
}

/* The older calls that block signals too */
static void blocked_by_old_calls(void)
{
    make_map();
    sigblock(~0);
    BYTES(map + 100 * PAGE, PAGE, 100 * PAGE);
    sigsetmask(~0);
    BYTES(map + 120 * PAGE, PAGE, 120 * PAGE);
    CHECK(sighold(SIGSEGV) == 0);
    BYTES(map + 140 * PAGE, PAGE, 140 * PAGE);
    CHECK(sighold(SIGUSR1) == 0 && (sigblock(0) & (1 << (SIGUSR1 - 1))) != 0);
    CHECK(sigset(SIGSEGV, SIG_HOLD) != SIG_ERR);
    BYTES(map + 160 * PAGE, PAGE, 160 * PAGE);
}

static void blocked_before(void)
{
    block_all();
    make_map();
    BYTES(map + 100 * PAGE, PAGE, 100 * PAGE);
}

static void touching_handler(int number)
{
    static size_t page = 10;

    (void)number;
    seen = map[page * PAGE + 7];
    if (seen == byte_at(page * PAGE + 7))
        calls++;
    page += 20;
}

static void touch_in_handler(int flags)
{
    struct sigaction action = {.sa_handler = touching_handler, .sa_flags = flags};

    sigfillset(&action.sa_mask);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK(raise(SIGUSR1) == 0 && calls == 1);
    CHECK(kill(getpid(), SIGUSR1) == 0 && calls == 2);
}

static void in_a_handler(void)
{
    make_map();
    touch_in_handler(0);
}

static void handler_set_before(void)
{
    struct sigaction action = {.sa_handler = touching_handler};

    sigfillset(&action.sa_mask);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    make_map();
    CHECK(raise(SIGUSR1) == 0 && calls == 1);
}

static void on_other_stack(void)
{
    static char space[65536];
    stack_t stack = {.ss_sp = space, .ss_size = small_stack(8192)};

    make_map();
    CHECK(sigaltstack(&stack, NULL) == 0);
    touch_in_handler(SA_ONSTACK);
}

/* A handler of SIGSEGV that touches lazy memory itself, and goes on. */
static void mending_handler(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    seen = map[200 * PAGE + 3];
    CHECK(seen == byte_at(200 * PAGE + 3));
    CHECK(mprotect((void *)((uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1)), PAGE,
                   PROT_READ | PROT_WRITE) == 0);
    calls++;
}

static void mending(void)
{
    struct sigaction action = {.sa_sigaction = mending_handler, .sa_flags = SA_SIGINFO};
    unsigned char *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(page != MAP_FAILED);
    make_map();
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    *(volatile unsigned char *)page = 5;
    CHECK(calls == 1 && page[0] == 5);
    /* write barriers of garbage collectors do this on memory that may be lazy too */
    CHECK(mprotect(map + 50 * PAGE, PAGE, PROT_READ) == 0);
    map[50 * PAGE + 1] = 7;
    CHECK(calls == 2 && map[50 * PAGE + 1] == 7);
    BYTES(map + 50 * PAGE + 2, PAGE - 2, 50 * PAGE + 2);
}

static void errno_stays(void)
{
    make_map();
    errno = 91;
    seen = map[99 * PAGE];
    CHECK(errno == 91);
}

int main(void)
{
    const struct check_case cases[] = {{handler_before, "handler set before"},
                                       {handler_after, "handler set after"},
                                       {old_calls, "sigset, sysv_signal"},
                                       {defaults, "deaths"},
                                       {blocked_after, "SIGSEGV blocked after"},
                                       {blocked_by_old_calls, "SIGSEGV blocked by sigblock"},
                                       {blocked_before, "SIGSEGV blocked before"},
                                       {in_a_handler, "touch in a handler"},
                                       {handler_set_before, "touch in a handler set before"},
                                       {on_other_stack, "touch on a signal stack of 8 KiB"},
                                       {mending, "a handler that mends"},
                                       {errno_stays, "errno"}};

    return CASES(cases, NULL);
}

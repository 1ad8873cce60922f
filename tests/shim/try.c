/*
 * try.c: PS_TRY and ps_on_failure: failed touches as errors
 *
 * run: link
 */
#include "own_store.h"

#include <pthread.h>
#include <stdbool.h>

#include <ps/try.h>

static volatile unsigned char seen;
static unsigned char *map;

static unsigned char *lazy(const char *name)
{
    struct ps_error err = {0};
    unsigned char *at = ps_lazy_map(px(name), NULL, NULL, &err);

    if (at == NULL)
        FAIL("%s", err.message);
    return at;
}

/* An object whose store is out of order from now on. */
static void broken(void)
{
    hear();
    map = lazy("error");
    turn(1);
}

static void touch(size_t offset)
{
    seen = *(volatile unsigned char *)(map + offset);
}

/* Does a touch of it fail, in a block? */
static bool fails(size_t offset)
{
    struct ps_failure failure;
    volatile bool failed = false;

    PS_TRY(&failure)
    {
        BYTES(map + offset, 1, offset);
    }
    PS_CATCH
    {
        failed = true;
        if (failure.offset != offset / PAGE * PAGE || failure.address != map + offset)
            FAIL("%p, %lu", failure.address, (unsigned long)failure.offset);
        CHECK(strstr(failure.error.message, "on purpose") != NULL);
    }
    CHECK(failed == (failure.error.code != 0));
    return failed;
}

static void becomes_an_error(void)
{
    struct ps_failure failure;
    struct ps_proxy proxy;
    volatile int caught = 0;

    broken();
    CHECK(ps_proxy_of(map, &proxy, NULL) == 0);
    PS_TRY(&failure)
    {
        touch(500123);
        FAIL("a touch of what can't be had");
    }
    PS_CATCH
    {
        caught++;
    }
    CHECK(caught == 1 && failure.error.code != 0);
    CHECK(failure.address == map + 500123 && strcmp(failure.object, proxy.object) == 0);
    CHECK(failure.offset == 499712 && failure.length == PAGE);
    CHECK(strstr(failure.error.message, "on purpose") != NULL);
    PS_TRY(&failure)
    {
        map[SMALL - 1] = 3;
    }
    CHECK(failure.offset == SMALL / PAGE * PAGE && failure.length == SMALL % PAGE);
    PS_TRY(NULL)
    {
        touch(600000);
        caught = 100;
    }
    CHECK(caught == 1);
    heard_nothing();
    turn(0);
    while (fails(500123) || fails(SMALL - 1) || fails(600000))
        usleep(10000);
    CHECK(!fails(100));
    BYTES(map, SMALL, 0);
    heard_nothing();
}

/* The only value that it gives: what left the block by return, left it for good. */
static int returns_from_block(void)
{
    PS_TRY(NULL)
    {
        return 5;
    }
    return 6;
}

static void nests(void)
{
    struct ps_failure outer, inner;
    volatile int way = 0;

    broken();
    catch_faults(SIGBUS);
    PS_TRY(&outer)
    {
        PS_TRY(&inner)
        {
            touch(5 * PAGE);
        }
        PS_CATCH
        {
            way = way * 10 + 1;
        }
        PS_TRY(NULL)
        {
            way = way * 10 + 2;
        }
        for (int i = 0; i < 3; i++) {
            PS_TRY(NULL)
            {
                if (i == 1)
                    continue; /* leaves the block only */
                if (i == 2)
                    break;
                way = way * 10 + 3;
            }
            way = way * 10 + 4;
        }
        CHECK(returns_from_block() == 5);
        PS_TRY(&inner)
        {
            touch(6 * PAGE);
        }
        PS_CATCH
        {
            way = way * 10 + 5;
            touch(7 * PAGE); /* is the outer block's */
        }
        way = way * 10 + 8;
    }
    PS_CATCH
    {
        way = way * 10 + 6;
    }
    if (way != 1234445 * 10 + 6)
        FAIL("%d", way);
    CHECK(outer.offset == 7 * PAGE && inner.offset == 6 * PAGE);
    heard_nothing();
    /* no block is left behind */
    CHECK(FAULT(touch(8 * PAGE)) == SIGBUS && fault_address == map + 8 * PAGE);
    heard_one("error", "bytes 32768 to 36864", "on purpose", NULL);
}

enum { THREADS = 8, ROUNDS = 40 };
static pthread_barrier_t all_blocked;

static void *thread(void *number)
{
    size_t first = (size_t)number * ROUNDS;
    sigset_t all;

    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_BLOCK, &all, NULL) == 0);
    pthread_barrier_wait(&all_blocked); /* before SIGBUS is libps's */
    for (size_t i = 0; i < ROUNDS; i++) {
        CHECK(fails((first + i) % (SMALL / PAGE) * PAGE + i));
        CHECK(fails(5 * PAGE)); /* all of them this one */
    }
    return NULL;
}

static void in_threads(void)
{
    pthread_t threads[THREADS];

    broken();
    CHECK(pthread_barrier_init(&all_blocked, NULL, THREADS) == 0);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, thread, (void *)i) == 0);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    heard_nothing();
}

/* Threads that ask again and again see each byte right, or not at all. */
static _Atomic int stop;

static void *asking(void *number)
{
    size_t page = (size_t)number;

    while (!stop)
        fails(page = (page * 5 + 77) % SMALL);
    return NULL;
}

static void comes_and_goes(void)
{
    pthread_t threads[4];

    broken();
    for (size_t i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, asking, (void *)i) == 0);
    for (int i = 0; i < 15; i++) {
        usleep(100000);
        turn(i % 2);
        ps_evict(map, 0, 0, NULL);
    }
    stop = 1;
    for (size_t i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    heard_nothing();
}

static void in_a_child(void)
{
    volatile pid_t child = -1;
    volatile int caught = 0;
    struct ps_failure failure;

    broken();
    PS_TRY(&failure)
    {
        child = fork();
        if (child == 0) {
            time_limit(8);
            CHECK(fails(3 * PAGE));
        } else {
            reap(child);
        }
        touch(4 * PAGE);
    }
    PS_CATCH
    {
        caught = 1;
    }
    CHECK(caught == 1 && failure.offset == 4 * PAGE);
    if (child == 0)
        _exit(0);
    heard_nothing();
}

static volatile int handled;

static void touching_handler(int number)
{
    (void)number;
    handled += fails(9 * PAGE);
}

static void in_a_handler(void)
{
    static char space[32768];
    stack_t stack = {.ss_sp = space, .ss_size = sizeof(space)};
    struct sigaction action = {.sa_handler = touching_handler, .sa_flags = SA_ONSTACK};
    struct ps_failure failure;
    sigset_t mask;

    broken();
    CHECK(sigaltstack(&stack, NULL) == 0);
    sigfillset(&action.sa_mask);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK(raise(SIGUSR1) == 0 && handled == 1);
    PS_TRY(&failure)
    {
        CHECK(raise(SIGUSR1) == 0 && handled == 2);
        sigemptyset(&mask);
        sigaddset(&mask, SIGUSR2);
        CHECK(sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
        touch(10 * PAGE);
        handled = 100;
    }
    CHECK(handled == 2 && failure.offset == 10 * PAGE);
    /* signals are blocked as they were when the block began */
    CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0);
    CHECK(!sigismember(&mask, SIGUSR1) && !sigismember(&mask, SIGUSR2));
    heard_nothing();
}

/* The program's own file, cut: nothing of libps's. */
static volatile unsigned char *own_memory(void)
{
    int fd = open(tmp("own"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    unsigned char *at;

    CHECK(fd >= 0 && ftruncate(fd, PAGE) == 0);
    at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(at != MAP_FAILED && ftruncate(fd, 0) == 0 && close(fd) == 0);
    return at;
}

static void programs_own(void)
{
    volatile unsigned char *own = own_memory();
    struct sigaction old;
    volatile int caught = 0;
    sigset_t all;

    broken();
    catch_faults(SIGBUS);
    CHECK(fails(5 * PAGE));
    /* the program sees its own action only */
    CHECK(sigaction(SIGBUS, NULL, &old) == 0 && old.sa_sigaction == on_fault);
    CHECK(signal(SIGBUS, SIG_DFL) == (void (*)(int))(void *)on_fault);
    CHECK(sigaction(SIGBUS, &old, NULL) == 0);
    sigfillset(&all);
    CHECK(sigprocmask(SIG_BLOCK, &all, NULL) == 0);
    CHECK(FAULT(touch(5 * PAGE)) == SIGBUS && fault_address == map + 5 * PAGE);
    heard_one("error", "bytes 20480 to 24576", NULL);
    CHECK(FAULT(seen = *own) == SIGBUS && fault_address == own);
    if (sigsetjmp(fault_back, 1) == 0) {
        PS_TRY(NULL)
        {
            seen = *own;
        }
        PS_CATCH
        {
            caught = 1;
        }
        FAIL("went on");
    }
    CHECK(caught == 0 && fault_address == own);
    heard_one("error", NULL);
}

static void dies(void (*how)(void))
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        time_limit(5);
        how();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGBUS)
        FAIL("ended with 0x%x, not by SIGBUS", status);
}

static void touch_outside(void)
{
    CHECK(fails(5 * PAGE));
    touch(5 * PAGE);
}

static void touch_own(void)
{
    volatile unsigned char *own = own_memory();

    PS_TRY(NULL)
    {
        seen = *own;
    }
}

static void raise_it(void)
{
    CHECK(fails(5 * PAGE));
    raise(SIGBUS);
}

static void without_handler(void)
{
    broken();
    dies(touch_outside);
    heard_one("error", "bytes 20480 to 24576", "touched at", "by the instruction at", NULL);
    dies(touch_own);
    dies(raise_it);
    heard_one("error", NULL);
}

/* What the store hands out itself, and somebody cuts while it is mapped. */
static void direct(void)
{
    char url[1200], text[PS_URI_MAX];
    struct ps_error err = {0};
    struct ps_failure failure;
    struct ps_proxy proxy;

    snprintf(url, sizeof(url), "file://%s", tmp("mystore"));
    put_own(url, &proxy);
    if (ps_proxy_format(&proxy, text, sizeof(text), &err) != 0)
        FAIL("%s", err.message);
    hear();
    map = ps_lazy_map(text, NULL, NULL, &err);
    if (map == NULL)
        FAIL("%s", err.message);
    CHECK(truncate(tmp("mystore/key"), 10 * PAGE) == 0);
    PS_TRY(&failure)
    {
        BYTES(map, SMALL, 0);
    }
    CHECK(failure.error.code == PS_E_STALE && failure.offset == 10 * PAGE);
    CHECK(failure.length == PAGE && strcmp(failure.object, proxy.object) == 0);
    heard_nothing();
}

static volatile int told;
static struct ps_failure last;

static void told_of(const struct ps_failure *failure, void *argument)
{
    int lines;

    heard(&lines);
    CHECK(lines == 1);
    last = *failure;
    *(volatile int *)argument += 1;
}

static void listener(void)
{
    volatile int count = 0;

    broken();
    catch_faults(SIGBUS);
    CHECK(ps_on_failure(told_of, (void *)&told, NULL) == 0);
    CHECK(fails(3 * PAGE) && told == 0);
    CHECK(FAULT(touch(5 * PAGE + 7)) == SIGBUS && fault_address == map + 5 * PAGE + 7);
    CHECK(told == 1 && last.offset == 5 * PAGE && last.address == map + 5 * PAGE + 7);
    CHECK(strstr(last.error.message, "on purpose") != NULL && last.length == PAGE);
    heard_one("error", "bytes 20480 to 24576", NULL);
    CHECK(ps_on_failure(told_of, (void *)&count, NULL) == 0);
    CHECK(FAULT(touch(5 * PAGE)) == SIGBUS && told == 1 && count == 1);
    CHECK(ps_on_failure(NULL, NULL, NULL) == 0);
    CHECK(FAULT(touch(5 * PAGE)) == SIGBUS && told == 1 && count == 1);
    heard_one("error", NULL);
}

/* The kernel's touch raises no signal: the call fails, and says why. */
static void by_a_call(void)
{
    int fd = open(tmp("out"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    volatile int way = 0;

    broken();
    PS_TRY(NULL)
    {
        FAILS(write(fd, map + 5 * PAGE, 10), EIO);
        way = 1;
    }
    PS_CATCH
    {
        way = 2;
    }
    CHECK(way == 1);
    heard_one("lazy memory", "on purpose", "write", NULL);
}

int main(void)
{
    const struct check_case cases[] = {{becomes_an_error, "becomes an error"},
                                       {nests, "nests"},
                                       {in_threads, "in threads"},
                                       {comes_and_goes, "comes and goes"},
                                       {in_a_child, "in a child"},
                                       {in_a_handler, "in a handler"},
                                       {programs_own, "the program's own"},
                                       {without_handler, "without a handler"},
                                       {direct, "direct"},
                                       {listener, "ps_on_failure"},
                                       {by_a_call, "touched by a call"}};

    return CASES(cases, flag_off);
}

/* touch.c: touches that may fail; see stress.h */
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <ps/try.h>

#include "../../backends/memory/computed.h"
#include "stress.h"

enum { TRIES = 1000 };

static __thread sigjmp_buf before_touch;
static __thread volatile sig_atomic_t touching; /* 0, or the signal that it may raise */

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (touching != number) /* not safe in a handler; but it is the end */
        fail(number == SIGBUS ? "a stray SIGBUS" : "a stray SIGSEGV", (size_t)info->si_addr, NULL);
    touching = 0;
    siglongjmp(before_touch, 1);
}

void touch_start(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_NODEFER | SA_SIGINFO};

    sigaction(SIGBUS, &action, NULL);
#ifndef WITHOUT_SHIM /* with ThreadSanitizer, whose handler would come first */
    sigaction(SIGSEGV, &action, NULL);
#endif
}

/* False: the touch raised SIGBUS. */
static bool touch(unsigned char *at, unsigned char *byte, bool writes)
{
    if (sigsetjmp(before_touch, 0) != 0)
        return false;
    touching = SIGBUS;
    if (writes)
        *(volatile unsigned char *)at = *byte;
    else
        *byte = *(volatile unsigned char *)at;
    touching = 0;
    return true;
}

static bool touch_in_block(unsigned char *at, unsigned char *byte, bool writes)
{
    struct ps_failure failure;

    PS_TRY(&failure)
    {
        if (writes)
            *(volatile unsigned char *)at = *byte;
        else
            *byte = *(volatile unsigned char *)at;
        return true;
    }
    if (failure.error.code == 0 || failure.address != at)
        fail("a failure without a cause", (size_t)failure.offset, NULL);
    return false;
}

/* After a failed touch a page is had again by ps_resolve; not every read of a store fails. */
static void touch_until(unsigned char *at, unsigned char *byte, bool writes)
{
    struct ps_error err = {0};

    for (int i = 0; i < TRIES; i++) {
        if (tries ? touch_in_block(at, byte, writes) : touch(at, byte, writes))
            return;
        if (!failures)
            fail("a touch fails", (size_t)(at - map), NULL);
        atomic_fetch_add(&counts[FAILED], 1);
        for (int again = 0; ps_resolve(at, 0, 1, &err) < 0; again++)
            if (again == TRIES)
                fail("no resolve helps", (size_t)(at - map), &err);
    }
    fail("what is ready can't be touched", (size_t)(at - map), NULL);
}

unsigned char byte_at(const unsigned char *at)
{
    unsigned char byte = 0;

    touch_until((unsigned char *)(uintptr_t)at, &byte, false);
    atomic_fetch_add(&counts[TOUCHED], 1);
    return byte;
}

void set_byte(unsigned char *at, unsigned char byte)
{
    touch_until(at, &byte, true);
    atomic_fetch_add(&counts[WROTE], 1);
}

bool raises_sigsegv(const unsigned char *at)
{
    if (sigsetjmp(before_touch, 0) != 0)
        return true;
    touching = SIGSEGV;
    (void)*(const volatile unsigned char *)at;
    touching = 0;
    return false;
}

static void compare(unsigned char seen, unsigned char wanted, size_t offset)
{
    if (seen != wanted)
        fail(seen == 0 ? "the zero of a hole" : "a wrong byte", offset, NULL);
}

void check(const unsigned char *at, size_t offset)
{
    compare(byte_at(at), ps_computed_byte(offset), offset);
}

void check_shadow(const struct shadow *shadow, size_t offset)
{
    unsigned char wrote = shadow->wrote[offset], seen = byte_at(shadow->at + offset);

    if (wrote != 0 && seen != wrote && seen == ps_computed_byte(shadow->offset + offset))
        fail("what was written is lost", offset, NULL);
    compare(seen, wrote != 0 ? wrote : ps_computed_byte(shadow->offset + offset), offset);
}

void write_shadow(struct shadow *shadow, size_t offset, unsigned char byte)
{
    set_byte(shadow->at + offset, byte);
    shadow->wrote[offset] = byte;
}

/* protect.c: mprotect of lazy memory, back and forth, and madvise */
#include "check.h"

enum { PAGES = 60 };

static unsigned char *map_some(void)
{
    int fd = open_px("small");
    unsigned char *at = mmap(LONE_PLACE, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

    CHECK(at != MAP_FAILED && close(fd) == 0);
    return at;
}

static void back_and_forth(void)
{
    unsigned char *at = map_some();

    at[2 * PAGE] = 1;
    BYTES(at + 4 * PAGE, PAGE, 4 * PAGE);
    CHECK(mprotect(at, PAGES * PAGE, PROT_READ) == 0);
    catch_faults(SIGSEGV);
    CHECK(FAULT(*(volatile unsigned char *)(at + 2 * PAGE + 7) = 3) ==
          SIGSEGV); /* written before */
    CHECK(fault_address == at + 2 * PAGE + 7);
    CHECK(FAULT(*(volatile unsigned char *)(at + 4 * PAGE) = 3) == SIGSEGV); /* read before */
    CHECK(FAULT(*(volatile unsigned char *)(at + 30 * PAGE + 9) = 3) ==
          SIGSEGV); /* never touched */
    CHECK(fault_address == at + 30 * PAGE + 9);
    CHECK(at[2 * PAGE] == 1);
    BYTES(at + 10 * PAGE, PAGE, 10 * PAGE);
    CHECK(mprotect(at + 12 * PAGE, 9 * PAGE, PROT_NONE) == 0);
    CHECK(FAULT((void)*(volatile unsigned char *)(at + 12 * PAGE)) == SIGSEGV);
    CHECK(FAULT((void)*(volatile unsigned char *)(at + 20 * PAGE + 1)) == SIGSEGV);
    CHECK(fault_address == at + 20 * PAGE + 1);
    BYTES(at + 21 * PAGE, PAGE, 21 * PAGE);
    CHECK(mprotect(at, PAGES * PAGE, PROT_READ | PROT_WRITE) == 0);
    CHECK(at[2 * PAGE] == 1);
    at[30 * PAGE + 9] = 4;
    CHECK(at[30 * PAGE + 9] == 4);
    BYTES(at + 31 * PAGE, 29 * PAGE, 31 * PAGE);
    BYTES(at + 12 * PAGE, 9 * PAGE, 12 * PAGE);
    BYTES(at + 2 * PAGE + 1, PAGE, 2 * PAGE + 1);
}

static void errors(void)
{
    unsigned char *at = map_some();

    FAILS(mprotect(at + 1, PAGE, PROT_READ), EINVAL);
    CHECK(munmap(at + 10 * PAGE, PAGE) == 0);
    FAILS(mprotect(at, PAGES * PAGE, PROT_READ), ENOMEM);
    BYTES(at, 10 * PAGE, 0);
    CHECK(mprotect(at, 0, PROT_READ) == 0);
}

/* A protection key comes with a protection: it would open what is closed because it is not here. */
static void by_key(void)
{
    unsigned char *at = map_some(), *plain;

    CHECK(pkey_mprotect(at, PAGES * PAGE, PROT_READ, -1) == 0); /* -1 is none */
    BYTES(at, 5 * PAGE, 0);
    FAILS(pkey_mprotect(at, PAGES * PAGE, PROT_READ, -2), EINVAL);
    plain = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pkey_mprotect(plain, PAGE, PROT_READ, -1) == 0);
    FAILS(pkey_mprotect(plain, PAGE, PROT_READ, -2), EINVAL);
    if (pkey_mprotect(at, PAGES * PAGE, PROT_READ, 0) == 0)
        BYTES(at + 5 * PAGE, 5 * PAGE, 5 * PAGE);
    if (syscall(SYS_pkey_mprotect, at, PAGES * PAGE, PROT_READ, -1) == 0)
        BYTES(at + 10 * PAGE, 5 * PAGE, 10 * PAGE);
    FAILS(pkey_mprotect(at, PAGES * PAGE, PROT_READ, 1), EINVAL);
    BYTES(at + 15 * PAGE, 5 * PAGE, 15 * PAGE);
    CHECK(munmap(at, PAGES * PAGE) == 0);
}

/* A shared mapping of a descriptor that is open for reading can't be made writable. */
static void shared(void)
{
    unsigned char *at = map_px("small", SMALL, PROT_READ, MAP_SHARED);

    FAILS(mprotect(at, SMALL, PROT_READ | PROT_WRITE), EACCES);
    BYTES(at, SMALL, 0);
}

/* A jump into memory that can be read only. */
static void executed(void)
{
    unsigned char *at = map_some();

    BYTES(at, PAGE, 0);
    catch_faults(SIGSEGV);
    CHECK(FAULT(((void (*)(void))(uintptr_t)at)()) == SIGSEGV && fault_address == at);
    CHECK(FAULT(((void (*)(void))(uintptr_t)(at + 50 * PAGE))()) == SIGSEGV);
    CHECK(fault_address == at + 50 * PAGE);
    BYTES(at, PAGES * PAGE, 0);
}

static void advice(void)
{
    unsigned char *at = map_some();
    int advices[] = {MADV_SEQUENTIAL, MADV_RANDOM, MADV_WILLNEED, MADV_NORMAL, MADV_DONTNEED};

    BYTES(at, 5 * PAGE, 0);
    at[0] = 1;
    for (int i = 0; i < 5; i++) {
        CHECK(madvise(at, PAGES * PAGE, advices[i]) == 0);
        BYTES(at + 8 * PAGE * (size_t)i + PAGE, PAGE, 8 * PAGE * (size_t)i + PAGE);
    }
    BYTES(at, PAGES * PAGE, 0); /* MADV_DONTNEED drops what was written */
    CHECK(madvise(at, PAGES * PAGE, MADV_DONTNEED) == 0);
    BYTES(at, PAGES * PAGE, 0);
}

int main(void)
{
    const struct check_case cases[] = {CASE(back_and_forth), CASE(errors),   CASE(by_key),
                                       CASE(shared),         CASE(executed), CASE(advice)};

    return CASES(cases, NULL);
}

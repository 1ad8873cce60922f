/*
 * remap.c: lazy memory that mremap moves, grows, shrinks or leaves behind
 *
 * The kernel forgets a userfaultfd's watch when it moves memory. RAW=1: by
 * system calls that libps does not see; the moved page then reads as zeros.
 *
 * run: raw
 */
#include "check.h"

#ifndef MREMAP_DONTUNMAP /* glibc 2.32; Linux 5.7 */
#define MREMAP_DONTUNMAP 4
#endif

enum { PAGES = 40 };

static void *move(void *old, size_t old_size, size_t new_size, int flags, void *to)
{
    if (is_raw()) {
        long result =
            raw_call(SYS_mremap, (long)old, (long)old_size, (long)new_size, flags, (long)to, 0);
        return result < 0 && result > -4096 ? MAP_FAILED : (void *)result;
    }
    return mremap(old, old_size, new_size, flags, to);
}

static unsigned char *map_some(void)
{
    int fd = open_px("small");
    unsigned char *at =
        mmap(LONE_PLACE, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 10 * PAGE);

    CHECK(at != MAP_FAILED && close(fd) == 0);
    BYTES(at, 10, 10 * PAGE);
    at[6 * PAGE] = 1;
    return at;
}

static void *room(size_t pages)
{
    void *at = mmap(NULL, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(at != MAP_FAILED);
    return at;
}

static void check_moved(unsigned char *at, size_t pages)
{
    CHECK(at[6 * PAGE] == 1);
    BYTES(at, 6 * PAGE, 10 * PAGE);
    BYTES(at + 6 * PAGE + 1, (pages - 6) * PAGE - 1, 16 * PAGE + 1);
}

static void fixed(void)
{
    unsigned char *at = map_some(), *to = room(PAGES);

    CHECK(move(at, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
    check_moved(to, PAGES);
    catch_faults(SIGSEGV);
    CHECK(FAULT((void)*(volatile unsigned char *)at) == SIGSEGV && fault_address == at);
}

/* Nothing is above it. */
static void grow(void)
{
    unsigned char *at = map_some(), *to;

    to = move(at, PAGES * PAGE, 2 * PAGES * PAGE, MREMAP_MAYMOVE, NULL);
    CHECK(to != MAP_FAILED);
    check_moved(to, 2 * PAGES);
}

/* A neighbour makes growing in place impossible. */
static void grow_and_move(void)
{
    unsigned char *space = room(3 * PAGES), *to;
    int fd = open_px("small");
    unsigned char *at =
        mmap(space, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 10 * PAGE);

    CHECK(at == space);
    at[6 * PAGE] = 1;
    to = move(at, PAGES * PAGE, 2 * PAGES * PAGE, MREMAP_MAYMOVE, NULL);
    CHECK(to != MAP_FAILED && to != at);
    check_moved(to, 2 * PAGES);
}

static void shrink(void)
{
    unsigned char *at = map_some();

    CHECK(move(at, PAGES * PAGE, 20 * PAGE, 0, NULL) == at);
    check_moved(at, 20);
    catch_faults(SIGSEGV);
    CHECK(FAULT((void)*(volatile unsigned char *)(at + 20 * PAGE)) == SIGSEGV);
}

static void shrink_and_move(void)
{
    unsigned char *at = map_some(), *to = room(PAGES);

    CHECK(move(at, PAGES * PAGE, 20 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
    check_moved(to, 20);
}

/* a part from the middle: what stays on both sides is lazy as before */
static void part(void)
{
    unsigned char *at = map_some(), *to = room(PAGES);

    CHECK(move(at + 20 * PAGE, 5 * PAGE, 5 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
    BYTES(to, 5 * PAGE, 30 * PAGE);
    check_moved(at, 20);
    BYTES(at + 25 * PAGE, 15 * PAGE, 35 * PAGE);
}

/* past the object's end there is SIGBUS, not zeros */
static void grow_past_the_end(void)
{
    size_t end = (SMALL + PAGE - 1) / PAGE * PAGE;
    unsigned char *at = map_px("small", end, PROT_READ, MAP_PRIVATE), *to;

    to = move(at, end, end + 8 * PAGE, MREMAP_MAYMOVE, NULL);
    CHECK(to != MAP_FAILED);
    BYTES(to, SMALL, 0);
    catch_faults(SIGBUS);
    CHECK(FAULT((void)*(volatile unsigned char *)(to + end + PAGE)) == SIGBUS);
}

static void dont_unmap(void)
{
    unsigned char *at = map_some(), *to;

    to = move(at, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    if (to == MAP_FAILED && errno == EINVAL)
        return; /* kernels before 5.13 have it for anonymous memory only */
    CHECK(to != MAP_FAILED);
    check_moved(to, PAGES);
    /* the old place has a mapping of the file without the program's pages */
    BYTES(at, PAGES * PAGE, 10 * PAGE);
}

static void over_lazy(void)
{
    unsigned char *target = map_px("small", SMALL, PROT_READ, MAP_SHARED);
    unsigned char *from =
        mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(from != MAP_FAILED);
    memset(from, 0x33, 4 * PAGE);
    CHECK(move(from, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + 8 * PAGE) ==
          target + 8 * PAGE);
    CHECK(target[8 * PAGE] == 0x33 && target[12 * PAGE - 1] == 0x33);
    BYTES(target, 8 * PAGE, 0);
    BYTES(target + 12 * PAGE, 20 * PAGE, 12 * PAGE);
}

static void refused_moves(void)
{
    unsigned char *at = map_some(), *target = map_px("small", SMALL, PROT_READ, MAP_SHARED);

    FAILS(move(at, PAGES * PAGE, PAGES * PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, target + 1), EINVAL);
    /* what failed must have changed nothing */
    BYTES(target, PAGES * PAGE, 0);
    check_moved(at, PAGES);
}

int main(void)
{
    const struct check_case cases[] = {
        CASE(fixed),           CASE(grow),         CASE(grow_and_move),     CASE(shrink),
        CASE(shrink_and_move), CASE(part),         CASE(grow_past_the_end), CASE(dont_unmap),
        CASE(over_lazy),       CASE(refused_moves)};

    return CASES(cases, NULL);
}

/*
 * map_changed.c: what the program does to a map while a touch of it waits, stays done
 *
 * run: link
 */
#include "check.h"

#include <pthread.h>
#include <ps/ps.h>

static unsigned char *map;

static void *touch(void *unused)
{
    BYTES(map + 10 * PAGE, PAGE, 10 * PAGE);
    return unused;
}

/* The blocks behind block 10 are here; a thread waits for block 10 itself, for 400 ms. */
static pthread_t begin(void)
{
    struct ps_error err = {0};
    pthread_t thread;

    map = ps_lazy_map(px("slower"), NULL, NULL, &err);
    if (map == NULL || ps_resolve(map, 11 * PAGE, 20 * PAGE, &err) < 0)
        FAIL("%s", err.message);
    CHECK(pthread_create(&thread, NULL, touch, NULL) == 0);
    usleep(100000);
    return thread;
}

static void unmapped(void)
{
    pthread_t thread = begin();
    unsigned char *own;

    CHECK(munmap(map + 12 * PAGE, 8 * PAGE) == 0);
    own = mmap(map + 12 * PAGE, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(own == map + 12 * PAGE);
    CHECK(pthread_join(thread, NULL) == 0);
    catch_faults(SIGSEGV);
    CHECK(FAULT(*(volatile unsigned char *)(own + PAGE) = 1) == SIGSEGV);
    BYTES(map + 20 * PAGE, 11 * PAGE, 20 * PAGE);
}

static void protected(void)
{
    pthread_t thread = begin();

    CHECK(mprotect(map, 64 * PAGE, PROT_READ) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    catch_faults(SIGSEGV);
    CHECK(FAULT(*(volatile unsigned char *)(map + 12 * PAGE) = 1) == SIGSEGV);
    BYTES(map + 11 * PAGE, 20 * PAGE, 11 * PAGE);
}

/* The touch itself then shows what is there now. */
static void replaced(void)
{
    pthread_t thread = begin();
    int fd = open(data("small"), O_RDONLY);

    CHECK(mmap(map, 64 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == map);
    CHECK(pthread_join(thread, NULL) == 0);
    BYTES(map, 64 * PAGE, 0);
}

int main(void)
{
    const struct check_case cases[] = {CASE(unmapped), CASE(protected), CASE(replaced)};

    return CASES(cases, NULL);
}

/*
 * forks.c: children of every kind of fork touch lazy memory that nobody read yet
 *
 * The child's touches must be right, and then the parent's: a hole that a
 * child without a watch touches becomes a page of zeros in the image that both
 * share. RAW=1: a clone that libps does not see; the child then reads zeros.
 *
 * run: raw no-asan (its malloc may be locked for ever in a child)
 */
#include "check.h"

#include <sched.h>

enum { PART = 32 * PAGE };

static long by_fork(void)
{
    return is_raw() ? raw_fork() : fork();
}

static long by_under_fork(void)
{
    return _Fork();
}

#ifdef SYS_fork
static long by_sys_fork(void)
{
    return syscall(SYS_fork);
}
#endif

static long by_sys_clone(void)
{
    return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

#ifdef SYS_clone3
static long by_sys_clone3(void)
{
    uint64_t arguments[8] = {0, 0, 0, 0, SIGCHLD}; /* struct clone_args, its first version */

    return syscall(SYS_clone3, arguments, sizeof(arguments));
}
#endif

static jmp_buf in_child;

static int on_a_stack(void *unused)
{
    (void)unused;
    longjmp(in_child, 1); /* the child has its parent's stack too */
}

static long by_clone(void)
{
    static char stack[65536];

    if (setjmp(in_child) != 0)
        return 0;
    return clone(on_a_stack, stack + sizeof(stack), SIGCHLD, NULL);
}

static unsigned char *private, *shared, *written;

static void touch(size_t part)
{
    BYTES(private + part * PART, PART, part * PART);
    BYTES(shared + part * PART, PART, part * PART);
    BYTES(written + part * PART + 1, PART - 1, part * PART + 1);
    written[part * PART] = (unsigned char)(1 + part);
}

static void family(long (*make)(void), const char *name)
{
    int status;
    pid_t child, grandchild;

    private = map_px("small", SMALL, PROT_READ, MAP_PRIVATE);
    shared = map_px("small", SMALL, PROT_READ, MAP_SHARED);
    written = map_px("small", SMALL, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    touch(0);
    child = (pid_t)make();
    if (child == 0) {
        time_limit(8);
        touch(1);
        CHECK(written[0] == 1);
        grandchild = (pid_t)make();
        if (grandchild == 0) {
            time_limit(8);
            touch(2);
            CHECK(written[0] == 1 && written[PART] == 2);
            _exit(0);
        }
        reap(grandchild);
        touch(3);
        touch(2);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (status != 0)
        FAIL("%s: child ended with 0x%x", name, status);
    for (size_t part = 1; part < 8; part++)
        touch(part);
}

int main(void)
{
    struct {
        long (*make)(void);
        const char *name;
    } kinds[] = {
        {by_fork, "fork"},
        {by_under_fork, "_Fork"},
#ifdef SYS_fork
        {by_sys_fork, "SYS_fork"},
#endif
        {by_clone, "clone"},
        {by_sys_clone, "SYS_clone"},
#ifdef SYS_clone3
        {by_sys_clone3, "SYS_clone3"},
#endif
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        pid_t child = fork(); /* nothing was met yet: this one is plain */
        if (child == 0) {
            family(kinds[i].make, kinds[i].name);
            _exit(0);
        }
        reap(child);
    }
    return 0;
}

/* pour.c: see pour.h */
#include "pour.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/uio.h>

#include "base/hold.h"
#include "base/lock.h"
#include "base/sys.h"
#include "preload.h"

enum { PIPES = 4, LARGE = 128 << 10, TURNS = 100 };

enum state { NONE, FREE, TAKEN };

/* Empty, unless TAKEN. */
static struct ps_pipe {
    _Atomic uint32_t state;
    _Atomic int into; /* while TAKEN for what is LARGE: the image; else 0 */
    int in, out;      /* held; 0: none */
} pipes[PIPES];
static _Atomic int owner; /* number of the process whose pipes they are */

static _Atomic uint32_t given_back; /* counts, for who waits for one */
static _Atomic uint32_t waiting;    /* how many do */

/* --- pipes --------------------------------------------------------------------------------- */

static void forget(struct ps_pipe *pipe)
{
    if (pipe->in > 0)
        ps_unhold(pipe->in);
    if (pipe->out > 0)
        ps_unhold(pipe->out);
    pipe->in = pipe->out = 0;
}

static int make(struct ps_pipe *pipe)
{
    int ends[2], result = (int)sys_call3(SYS_pipe2, (long)ends, O_CLOEXEC, 0);

    if (result < 0)
        return result;
    pipe->out = ps_hold(ends[0], false);
    pipe->in = ps_hold(ends[1], false);
    result = pipe->out < 0 ? pipe->out : pipe->in < 0 ? pipe->in : 0;
    if (result < 0)
        forget(pipe);
    return result;
}

static void give_back(struct ps_pipe *pipe, enum state state)
{
    atomic_store(&pipe->into, 0);
    atomic_store(&pipe->state, state);
    atomic_fetch_add(&given_back, 1);
    /* who waits is counted before it looks: either it sees this one free, or is seen here */
    if (atomic_load(&waiting) > 0)
        ps_wake(&given_back, PIPES, false);
}

static bool change(struct ps_pipe *pipe, uint32_t from)
{
    return atomic_compare_exchange_strong(&pipe->state, &from, TAKEN);
}

/* One that is free, or a new one. NULL: none now, or *error says why there can be none. */
static struct ps_pipe *try_take(int *error)
{
    *error = 0;
    for (int i = 0; i < PIPES; i++)
        if (change(&pipes[i], FREE))
            return &pipes[i];
    for (int i = 0; i < PIPES; i++) {
        if (!change(&pipes[i], NONE))
            continue;
        *error = make(&pipes[i]);
        if (*error == 0)
            return &pipes[i];
        give_back(&pipes[i], NONE);
        break;
    }
    return NULL;
}

static bool is_any_taken(void)
{
    for (int i = 0; i < PIPES; i++)
        if (atomic_load(&pipes[i].state) == TAKEN)
            return true;
    return false;
}

/* Waits for one; NULL: there can be none, and *error says why. */
static struct ps_pipe *take(int *error)
{
    struct ps_pipe *pipe = try_take(error);

    if (pipe != NULL)
        return pipe;
    atomic_fetch_add(&waiting, 1);
    for (;;) {
        uint32_t seen = atomic_load(&given_back);

        pipe = try_take(error);
        /* no error: all were taken, and one that is free by now was given back since */
        if (pipe != NULL || (*error != 0 && !is_any_taken()))
            break;
        ps_wait(&given_back, seen, 100, false);
    }
    atomic_fetch_sub(&waiting, 1);
    return pipe;
}

static bool is_poured_into(int fd)
{
    for (int i = 0; i < PIPES; i++)
        if (atomic_load(&pipes[i].into) == fd)
            return true;
    return false;
}

/*
 * The kernel lets one write into a file at a time, and who waits for that turns
 * in a loop: a core that the program could use. Two that look at once both go on.
 */
static void wait_for_turn(int fd)
{
    if (!is_poured_into(fd))
        return;
    atomic_fetch_add(&waiting, 1);
    for (int i = 0; i < TURNS; i++) {
        uint32_t seen = atomic_load(&given_back);

        if (!is_poured_into(fd))
            break;
        ps_wait(&given_back, seen, 10, false);
    }
    atomic_fetch_sub(&waiting, 1);
}

int ps_pour_start(void)
{
    int error = 0, was = atomic_load(&owner);
    struct ps_pipe *pipe;

    if (atomic_load(&ps_preload_filtered))
        return 0; /* it may kill for a pipe, too */
    if (was != 0 && was != sys_getpid())
        ps_pour_fork_child(); /* of a fork that nobody told of */
    atomic_store(&owner, sys_getpid());
    pipe = take(&error);
    if (pipe != NULL)
        give_back(pipe, FREE);
    return pipe != NULL ? 0 : error;
}

/* --- through one ----------------------------------------------------------------------------- */

/* What could not be written must not be what the next one writes. */
static void drain(const struct ps_pipe *pipe, size_t left)
{
    char some[512];

    while (left > 0) {
        long got = sys_read(pipe->out, some, left < sizeof(some) ? left : sizeof(some));

        if (got > 0)
            left -= (size_t)got;
        else if (got != -EINTR)
            return;
    }
}

static long write_held(const struct ps_pipe *pipe, int fd, size_t size, uint64_t offset)
{
    size_t left = size;

    while (left > 0) {
        loff_t at = (loff_t)(offset + (size - left));
        long put = sys_call6(SYS_splice, pipe->out, 0, fd, (long)&at, (long)left, 0);

        if (put > 0) {
            left -= (size_t)put;
        } else if (put != -EINTR) {
            drain(pipe, left);
            return put < 0 ? put : -ENOSPC;
        }
    }
    return 0;
}

/* How many bytes of it are written, or a negative errno. */
static long pour_some(const struct ps_pipe *pipe, int fd, const char *bytes, size_t size,
                      uint64_t offset)
{
    struct iovec source = {(void *)(uintptr_t)bytes, size};
    long held = sys_call6(SYS_vmsplice, pipe->in, (long)&source, 1, SPLICE_F_NONBLOCK, 0, 0);
    long result;

    if (held <= 0)
        return held < 0 ? held : -EIO;
    result = write_held(pipe, fd, (size_t)held, offset);
    return result < 0 ? result : held;
}

static int pour(int fd, const char *bytes, size_t size, uint64_t offset)
{
    int error = 0;
    struct ps_pipe *pipe;
    long result = 0;

    if (size >= LARGE)
        wait_for_turn(fd);
    pipe = take(&error);
    if (pipe == NULL)
        return error;
    if (size >= LARGE)
        atomic_store(&pipe->into, fd);
    for (size_t done = 0; done < size && (result >= 0 || result == -EINTR);
         done += result > 0 ? (size_t)result : 0)
        result = pour_some(pipe, fd, bytes + done, size - done, offset + done);
    give_back(pipe, FREE);
    return result < 0 ? (int)result : 0;
}

static int write_all(int fd, const char *bytes, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t put = sys_pwrite(fd, bytes + done, size - done, offset + done);

        if (put <= 0 && put != -EINTR)
            return put < 0 ? (int)put : -ENOSPC;
        done += put > 0 ? (size_t)put : 0;
    }
    return 0;
}

/*
 * A filter of the program's may kill for calls that it does not make itself. And
 * a child that has its parent's memory, or was forked behind libps's back, must
 * not mix its bytes with its parent's in one pipe.
 */
static bool may_pour(void)
{
    return !atomic_load(&ps_preload_filtered) && atomic_load(&owner) == sys_getpid();
}

int ps_pour(int fd, const char *bytes, size_t size, uint64_t offset)
{
    int result = may_pour() ? pour(fd, bytes, size, offset) : -ENOSYS;

    /* where a container forbids vmsplice(2), or its kernel has none */
    return result == -ENOSYS || result == -EPERM ? write_all(fd, bytes, size, offset) : result;
}

void ps_pour_fork_child(void)
{
    for (int i = 0; i < PIPES; i++) {
        forget(&pipes[i]);
        atomic_store(&pipes[i].into, 0);
        atomic_store(&pipes[i].state, NONE);
    }
    atomic_store(&waiting, 0);
    if (atomic_load(&owner) != 0)
        atomic_store(&owner, sys_getpid());
}

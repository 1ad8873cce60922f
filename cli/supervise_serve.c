/*
 * supervise_serve.c: threads that take calls from the kernel and answer them
 *
 * One of them waits for the next call: the kernel gives calls to threads that
 * wait in turn, and to wake one that has slept long costs as much as all else.
 * Another thread looks every millisecond whether all are held up, most by a
 * store, and starts more; where two wait, the next that has answered ends.
 */
#include <errno.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "psctl.h"
#include "supervise.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS /* Linux 6.6 */
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
enum { THREADS_MAX = 64, SYNC_WAKE_UP = 1, TICK_NS = 1000000 };

static atomic_int waiting, threads;
static atomic_uint taken;    /* calls */
static atomic_int is_asleep; /* who looks: while there are no calls */
static int listener;

static bool send_answer(const struct call *call, struct seccomp_notif_resp *response)
{
    response->id = call->id;
    while (ioctl(call->listener, SECCOMP_IOCTL_NOTIF_SEND, response) < 0)
        if (errno != EINTR)
            return false;
    return true;
}

void go_on(const struct call *call)
{
    struct seccomp_notif_resp response = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

    send_answer(call, &response);
}

bool answer(const struct call *call, long value)
{
    struct seccomp_notif_resp response = {.val = value < 0 ? 0 : value,
                                          .error = value < 0 ? (int)value : 0};

    return send_answer(call, &response);
}

static const struct rule *find_rule(int number)
{
    for (unsigned i = 0; i < rule_count; i++)
        if (rules[i].number == number)
            return &rules[i];
    return NULL;
}

static void take_call(struct seccomp_notif *notice)
{
    const struct rule *rule = find_rule(notice->data.nr);
    struct call call = {.listener = listener,
                        .id = notice->id,
                        .thread = (pid_t)notice->pid,
                        .number = notice->data.nr,
                        .args = (const uint64_t *)notice->data.args};

    if (rule != NULL)
        rule->answer(&call);
    else
        answer(&call, -ENOSYS);
}

static void *take_calls(void *argument)
{
    struct seccomp_notif notice;

    (void)argument;
    do {
        memset(&notice, 0, sizeof(notice));
        while (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notice) < 0)
            if (errno != EINTR && errno != ENOENT)
                return NULL;
        atomic_fetch_sub(&waiting, 1);
        atomic_fetch_add(&taken, 1);
        if (atomic_exchange(&is_asleep, 0) == 1)
            raw_call(SYS_futex, (long)&is_asleep, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
        take_call(&notice);
    } while (atomic_fetch_add(&waiting, 1) == 0);
    atomic_fetch_sub(&waiting, 1);
    atomic_fetch_sub(&threads, 1);
    return NULL;
}

static int start(void *(*body)(void *))
{
    pthread_attr_t attributes;
    pthread_t thread;
    int result;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    result = pthread_create(&thread, &attributes, body, NULL);
    pthread_attr_destroy(&attributes);
    return result;
}

static int add_taker(void)
{
    int result = EAGAIN;

    atomic_fetch_add(&waiting, 1);
    if (atomic_fetch_add(&threads, 1) < THREADS_MAX)
        result = start(take_calls);
    if (result != 0) {
        atomic_fetch_sub(&threads, 1);
        atomic_fetch_sub(&waiting, 1);
    }
    return result;
}

static void *look(void *argument)
{
    const struct timespec tick = {.tv_nsec = TICK_NS};

    (void)argument;
    for (;;) {
        unsigned before = atomic_load(&taken);

        nanosleep(&tick, NULL);
        if (atomic_load(&taken) != before)
            continue;
        if (atomic_load(&waiting) == 0) {
            for (int more = atomic_load(&threads); more > 0 && add_taker() == 0; more--)
                ;
            continue;
        }
        atomic_store(&is_asleep, 1);
        if (atomic_load(&taken) == before)
            raw_call(SYS_futex, (long)&is_asleep, FUTEX_WAIT_PRIVATE, 1, 0, 0, 0);
        atomic_store(&is_asleep, 0);
    }
    return NULL;
}

int serve(int from)
{
    int result;

    listener = from;
    /* the kernel then hands over the processor, as one of the two sleeps; older ones don't know it
     */
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP);
    result = start(look);
    return result != 0 ? result : add_taker();
}

/* supervise_serve.c: threads that take calls from the kernel and answer them */
#include <errno.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>

#include "supervise.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS /* Linux 6.6 */
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
enum { THREADS_MAX = 64, SYNC_WAKE_UP = 1 };

static atomic_int idle, threads;
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

static void *take_calls(void *argument);

static int add_thread(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int result;

    if (atomic_fetch_add(&threads, 1) >= THREADS_MAX) {
        atomic_fetch_sub(&threads, 1);
        return EAGAIN;
    }
    atomic_fetch_add(&idle, 1);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    result = pthread_create(&thread, &attributes, take_calls, NULL);
    pthread_attr_destroy(&attributes);
    if (result != 0) {
        atomic_fetch_sub(&idle, 1);
        atomic_fetch_sub(&threads, 1);
    }
    return result;
}

/* Some wait for a store: there is always one that does not, if it can be had. */
static void *take_calls(void *argument)
{
    struct seccomp_notif notice;

    (void)argument;
    for (;;) {
        memset(&notice, 0, sizeof(notice));
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notice) < 0) {
            if (errno == EINTR || errno == ENOENT)
                continue;
            return NULL;
        }
        if (atomic_fetch_sub(&idle, 1) == 1)
            add_thread();
        take_call(&notice);
        atomic_fetch_add(&idle, 1);
    }
}

int serve(int from)
{
    listener = from;
    /* the kernel then hands over the processor, as one of the two sleeps; older ones don't know it
     */
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP);
    return add_thread();
}

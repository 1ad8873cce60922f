/*
 * retry.c: another try where one may succeed
 *
 * retry+<URL>?retry.tries=N&retry.min=TIME&retry.max=TIME&retry.deadline=TIME.
 * A call that fails because the store does not answer, or because of what
 * passes on a network, is made again after a wait. The longest wait doubles with each
 * try, up to retry.max; each is chosen at random between retry.min and it, so
 * that many readers who lost a server together do not come back together.
 * A store that says when it may be asked again is not asked before.
 * What another try can't change (no such object, another version, fewer bytes,
 * a refusal) is handed on at once. A program that is in the middle of an object
 * waits for its bytes until the deadline; others are told after some tries.
 */
#include "../wrap/wrap.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/random.h>

/* What a stranger's URL may ask for: a reader waits a minute, and a store is not hammered. */
#define TRIES_MOST UINT64_C(100)
#define WAIT_LEAST UINT64_C(1000000)

struct retry {
    struct wrap wrap;
    uint64_t tries, reads; /* that a call is made at most; a read */
    uint64_t min, max;     /* of a wait, in ns */
    uint64_t deadline;     /* in ns; no try begins later than this after the first */
    bool has_deadline;     /* as the URL says; else who waits has one */
};

/* One call of the program's, and the try that it is at. */
struct attempt {
    const struct retry *retry;
    uint64_t number; /* of this try, from 1 */
    uint64_t most;
    uint64_t began; /* on the clock of module_now */
    struct ps_error err;
};

static struct attempt first_try(const struct retry *retry, uint64_t most)
{
    ps_backend_take_retry_after(); /* that of another call, which nobody wanted to know */
    return (struct attempt){
        .retry = retry,
        .number = 1,
        .most = most,
        .began = module_now(),
    };
}

/* PS_E_CORRUPT is not among them: a store that gave other bytes once is not to be believed. */
static bool may_pass(int result, int system)
{
    static const int passing[] = {
        EAGAIN,       EINTR,     EIO,      EBUSY,       ETIMEDOUT, ECONNRESET,   ECONNREFUSED,
        ECONNABORTED, ENETRESET, ENETDOWN, ENETUNREACH, EHOSTDOWN, EHOSTUNREACH, EPIPE,
    };

    if (result == PS_E_UNAVAILABLE)
        return true;
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        if (result == PS_E_SYSTEM && system == passing[i])
            return true;
    return false;
}

static uint64_t choose_wait(const struct attempt *attempt)
{
    const struct retry *retry = attempt->retry;
    uint64_t longest = retry->min, random = 0;

    for (uint64_t i = 0; i < attempt->number && longest < retry->max; i++)
        longest *= 2;
    if (longest > retry->max)
        longest = retry->max;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
        random = 0;
    return retry->min + random % (longest - retry->min + 1);
}

/* When no other try may begin. Who waits may have begun later than the first try. */
static uint64_t end_of(const struct attempt *attempt)
{
    uint64_t end = attempt->began + attempt->retry->deadline, deadline = ps_backend_deadline();

    if (deadline == UINT64_MAX || (attempt->retry->has_deadline && end < deadline))
        return end;
    return deadline;
}

/* After a try that gave result: waits for the next one, or false where there is none. */
static bool try_again(struct attempt *attempt, int result)
{
    uint64_t next, asked = ps_backend_take_retry_after(), wait;

    if (result >= 0 || !may_pass(result, attempt->err.sys_errno) ||
        attempt->number == attempt->most)
        return false;
    wait = choose_wait(attempt);
    next = module_now() + (asked > wait ? asked : wait);
    if (next > end_of(attempt))
        return false;
    wrap_sleep_until(next);
    attempt->number++;
    ps_error_clear(&attempt->err);
    return true;
}

/* What the last try gave; its failure says how many there were. */
static int end_tries(const struct attempt *attempt, int result, struct ps_error *err)
{
    struct ps_error last = {0};

    if (result >= 0)
        return result;
    if (attempt->number == 1)
        return wrap_hand_on(err, &attempt->err, result);
    ps_error_set(&last, result, 0, "after %d tries: %s", (int)attempt->number,
                 attempt->err.message);
    last.sys_errno = attempt->err.sys_errno; /* its text is in the message */
    return wrap_hand_on(err, &last, result);
}

/* PS_DEADLINE, which libps has found good, unless it was set since */
static void take_deadline(struct retry *retry)
{
    const char *value = secure_getenv("PS_DEADLINE");

    if (value == NULL || value[0] == '\0' || ps_parse_time(&retry->deadline, value, NULL) < 0)
        retry->deadline = WRAP_LONGEST;
}

static int take_options(struct retry *retry, char *url, struct ps_error *err)
{
    uint64_t deadline = 0;
    int has_tries, has_deadline;

    retry->tries = 5;
    retry->min = UINT64_C(100) * 1000000;
    retry->max = UINT64_C(10) * 1000000000;
    take_deadline(retry);
    has_tries = module_number(&retry->tries, url, "retry.tries", ps_parse_size, err);
    has_deadline = module_number(&deadline, url, "retry.deadline", ps_parse_time, err);
    if (has_tries < 0 || has_deadline < 0 ||
        module_number(&retry->min, url, "retry.min", ps_parse_time, err) < 0 ||
        module_number(&retry->max, url, "retry.max", ps_parse_time, err) < 0)
        return PS_E_INVALID;
    retry->reads = has_tries ? retry->tries : TRIES_MOST;
    retry->has_deadline = has_deadline;
    if (has_deadline)
        retry->deadline = deadline;
    if (retry->tries < 1 || retry->tries > TRIES_MOST)
        return ps_error_set(err, PS_E_INVALID, 0, "retry.tries is not from 1 to 100");
    if (retry->min < WAIT_LEAST)
        return ps_error_set(err, PS_E_INVALID, 0, "retry.min is less than 1ms");
    if (retry->max < retry->min || retry->max > WRAP_LONGEST)
        return ps_error_set(err, PS_E_INVALID, 0, "retry.max is not from retry.min to 60s");
    if (deadline > WRAP_LONGEST)
        return ps_error_set(err, PS_E_INVALID, 0, "retry.deadline is more than 60s");
    return 0;
}

static int retry_open(void **handle, const char *url, struct ps_error *err)
{
    struct retry *retry = calloc(1, sizeof(*retry));
    char *inner = strdup(url);
    int result = 0;

    if (retry == NULL || inner == NULL)
        result = ps_error_set(err, PS_E_NOMEM, ENOMEM, "opening a retry+ store");
    if (result == 0)
        result = take_options(retry, inner, err);
    if (result == 0)
        result = wrap_open(&retry->wrap, inner, err);
    free(inner);
    if (result < 0)
        free(retry);
    else
        *handle = retry;
    return result;
}

static void retry_close(void *handle)
{
    struct retry *retry = handle;

    wrap_close(&retry->wrap);
    free(retry);
}

static int retry_stat(void *handle, const char *key, struct ps_object_info *info,
                      struct ps_error *err)
{
    struct retry *retry = handle;
    struct attempt attempt = first_try(retry, retry->tries);
    int result;

    do
        result = wrap_stat(&retry->wrap, key, info, &attempt.err);
    while (try_again(&attempt, result));
    return end_tries(&attempt, result, err);
}

static int retry_read(void *handle, const char *key, const struct ps_object_info *expected,
                      void *buffer, size_t size, uint64_t offset, struct ps_error *err)
{
    struct retry *retry = handle;
    struct attempt attempt = first_try(retry, retry->reads);
    int result;

    do
        result = wrap_read(&retry->wrap, key, expected, buffer, size, offset, &attempt.err);
    while (try_again(&attempt, result));
    return end_tries(&attempt, result, err);
}

/* The content of a put. That it can't be read is its owner's failure, not the store's. */
struct watched {
    struct ps_content content;
    const struct ps_content *real;
    atomic_bool *has_failed;
};

static int read_watched(const struct ps_content *content, void *buffer, size_t size,
                        uint64_t offset, struct ps_error *err)
{
    const struct watched *watched = (const struct watched *)(const void *)content;
    int result = watched->real->read(watched->real, buffer, size, offset, err);

    if (result < 0)
        atomic_store(watched->has_failed, true);
    return result;
}

static int look_watched(const struct ps_content *content, void *buffer, size_t size,
                        uint64_t offset, struct ps_error *err)
{
    const struct watched *watched = (const struct watched *)(const void *)content;
    int result = watched->real->look(watched->real, buffer, size, offset, err);

    if (result < 0)
        atomic_store(watched->has_failed, true);
    return result;
}

/* A put may be made again: its content can be pulled any number of times, and it replaces itself.
 */
static int retry_put(void *handle, const char *key, const struct ps_content *content,
                     struct ps_object_info *info, struct ps_error *err)
{
    struct retry *retry = handle;
    struct attempt attempt = first_try(retry, retry->tries);
    atomic_bool has_failed = false;
    struct watched watched = {
        .content = {.size = content->size,
                    .read = read_watched,
                    .look = content->look != NULL ? look_watched : NULL},
        .real = content,
        .has_failed = &has_failed,
    };
    int result;

    do
        result = wrap_put(&retry->wrap, key, &watched.content, info, &attempt.err);
    while (!atomic_load(&has_failed) && try_again(&attempt, result));
    return end_tries(&attempt, result, err);
}

static int retry_exists(void *handle, const char *key, struct ps_error *err)
{
    struct retry *retry = handle;
    struct attempt attempt = first_try(retry, retry->tries);
    int result;

    do
        result = wrap_exists(&retry->wrap, key, &attempt.err);
    while (try_again(&attempt, result));
    return end_tries(&attempt, result, err);
}

static int retry_evict(void *handle, const char *key, struct ps_error *err)
{
    struct retry *retry = handle;
    struct attempt attempt = first_try(retry, retry->tries);
    int result;

    do
        result = wrap_evict(&retry->wrap, key, &attempt.err);
    while (try_again(&attempt, result));
    return end_tries(&attempt, result, err);
}

static int retry_descriptor(void *handle, const char *key, const struct ps_object_info *expected,
                            struct ps_error *err)
{
    struct retry *retry = handle;
    struct attempt attempt = first_try(retry, retry->tries);
    int result;

    do
        result = wrap_descriptor(&retry->wrap, key, expected, &attempt.err);
    while (try_again(&attempt, result));
    return end_tries(&attempt, result, err);
}

/* Who is told. */
struct told {
    ps_backend_each *each;
    void *context;
    bool is_any;
};

static int tell(void *context, const char *key, const struct ps_object_info *info)
{
    struct told *told = context;

    told->is_any = true;
    return told->each(told->context, key, info);
}

/* Once an object was told of, a list is not begun again: its reader would have it twice. */
static int retry_list(void *handle, ps_backend_each *each, void *context, struct ps_error *err)
{
    struct retry *retry = handle;
    struct attempt attempt = first_try(retry, retry->tries);
    struct told told = {each, context, false};
    int result;

    do
        result = wrap_list(&retry->wrap, tell, &told, &attempt.err);
    while (!told.is_any && try_again(&attempt, result));
    return end_tries(&attempt, result, err);
}

static const struct ps_backend backend = {
    .struct_size = sizeof(struct ps_backend),
    .api_version = PS_BACKEND_API,
    .flags = PS_BACKEND_PARALLEL | PS_BACKEND_WRAPPER,
    .name = "retry",
    .schemes = "retry",
    .help = "retry.tries=N: how often a call is made at most, up to 100 (5; a read: 100)\n"
            "retry.min=TIME: the shortest wait before another try, at least 1ms (100ms)\n"
            "retry.max=TIME: the longest, at most 60s (10s)\n"
            "retry.deadline=TIME: no try begins later after the first, at most 60s (PS_DEADLINE)\n",
    .open = retry_open,
    .close = retry_close,
    .stat = retry_stat,
    .read = retry_read,
    .put = retry_put,
    .exists = retry_exists,
    .evict = retry_evict,
    .descriptor = retry_descriptor,
    .list = retry_list,
    .forget = wrap_forget,
    .distrust = wrap_distrust,
    .place = wrap_place,
    .parts = wrap_parts,
    .check = wrap_check,
};

PS_API const struct ps_backend *ps_backend_init(uint32_t api_version)
{
    return api_version == PS_BACKEND_API ? &backend : NULL;
}

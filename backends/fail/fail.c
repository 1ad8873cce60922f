/*
 * fail.c: a store that fails on purpose
 *
 * fail+<URL>?fail.every=N&fail.after=BYTES&fail.mode=...&fail.stall=TIME. For
 * tests of what programs and libps do then, and for users who want to see
 * their program survive it. Without options nothing fails. A path is no
 * option: it would let a proxy ask which files its reader has.
 */
#include "../wrap/wrap.h"

#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

enum mode { MODE_ERROR, MODE_SHORT, MODE_STALE, MODE_WRONG_LENGTH, MODE_STALL };

static const char *const mode_names[] = {
    [MODE_ERROR] = "error", [MODE_SHORT] = "short",
    [MODE_STALE] = "stale", [MODE_WRONG_LENGTH] = "wrong-length",
    [MODE_STALL] = "stall",
};

struct fail {
    struct wrap wrap;
    enum mode mode;
    uint64_t every;      /* 0: not by count */
    uint64_t after;      /* UINT64_MAX: not by offset */
    uint64_t stall;      /* nanoseconds */
    char path[PATH_MAX]; /* that of PS_FAIL_WHILE, or "" */
    _Atomic uint64_t reads;
};

static int take_mode(struct fail *fail, const char *value, struct ps_error *err)
{
    for (size_t i = 0; i < sizeof(mode_names) / sizeof(mode_names[0]); i++)
        if (strcmp(value, mode_names[i]) == 0) {
            fail->mode = (enum mode)i;
            return 1;
        }
    return ps_error_set(err, PS_E_INVALID, 0,
                        "fail.mode is error, short, stale, wrong-length or stall, not '%s'", value);
}

static int take_options(struct fail *fail, char *url, struct ps_error *err)
{
    char mode[64];
    int every = wrap_number(&fail->every, url, "fail.every", ps_parse_size, err);
    int after = wrap_number(&fail->after, url, "fail.after", ps_parse_size, err);
    int stall = wrap_number(&fail->stall, url, "fail.stall", ps_parse_time, err);
    int moded = ps_url_option(url, "fail.mode", mode, sizeof(mode), err);

    if (moded == 1)
        moded = take_mode(fail, mode, err);
    if (every < 0 || after < 0 || stall < 0 || moded < 0)
        return PS_E_INVALID;
    if (every == 1 && fail->every == 0)
        return ps_error_set(err, PS_E_INVALID, 0, "fail.every=0 means nothing");
    if (fail->stall > WRAP_LONGEST)
        return ps_error_set(err, PS_E_INVALID, 0, "fail.stall is more than 60s");
    /* a kind of failure without a number: always */
    if (every == 0 && after == 0 && moded == 1)
        fail->every = 1;
    return 0;
}

static int take_path(struct fail *fail, struct ps_error *err)
{
    const char *path = getenv("PS_FAIL_WHILE");

    if (path != NULL && strlen(path) >= sizeof(fail->path))
        return ps_error_set(err, PS_E_INVALID, 0, "PS_FAIL_WHILE is too long");
    strcpy(fail->path, path != NULL ? path : "");
    return 0;
}

static int fail_open(void **handle, const char *url, struct ps_error *err)
{
    struct fail *fail = calloc(1, sizeof(*fail));
    char *inner = strdup(url);
    int result = 0;

    if (fail == NULL || inner == NULL) {
        result = ps_error_set(err, PS_E_NOMEM, ENOMEM, "opening a fail+ store");
    } else {
        fail->after = UINT64_MAX;
        fail->stall = 1000000000;
        result = take_options(fail, inner, err);
    }
    if (result == 0)
        result = take_path(fail, err);
    if (result == 0)
        result = wrap_open(&fail->wrap, inner, err);
    free(inner);
    if (result < 0)
        free(fail);
    else
        *handle = fail;
    return result;
}

static void fail_close(void *handle)
{
    struct fail *fail = handle;

    wrap_close(&fail->wrap);
    free(fail);
}

static bool is_time(const struct fail *fail)
{
    return fail->path[0] == '\0' || access(fail->path, F_OK) == 0;
}

static bool lies_about_length(const struct fail *fail)
{
    return fail->mode == MODE_WRONG_LENGTH && is_time(fail);
}

/* Is this read one of those that fail? Reads are counted also while none does. */
static bool hits(struct fail *fail, size_t size, uint64_t offset)
{
    uint64_t number = atomic_fetch_add(&fail->reads, 1) + 1;

    return is_time(fail) && ((fail->every > 0 && number % fail->every == 0) ||
                             (size > 0 && offset + size > fail->after));
}

static int fail_stat(void *handle, const char *key, struct ps_object_info *info,
                     struct ps_error *err)
{
    struct fail *fail = handle;
    int result = wrap_stat(&fail->wrap, key, info, err);

    if (result == 0 && lies_about_length(fail))
        info->size++;
    return result;
}

/* The store's own bytes, for a reader who believed what stat said. */
static int read_lied(struct fail *fail, const char *key, const struct ps_object_info *expected,
                     void *buffer, size_t size, uint64_t offset, struct ps_error *err)
{
    struct ps_object_info true_info = *expected;

    if (true_info.size != PS_SIZE_UNKNOWN && true_info.size > 0)
        true_info.size--;
    return wrap_read(&fail->wrap, key, &true_info, buffer, size, offset, err);
}

/* Some bytes did come before the connection ended: they are in the buffer. */
static int read_short(struct fail *fail, const char *key, const struct ps_object_info *expected,
                      void *buffer, size_t size, uint64_t offset, struct ps_error *err)
{
    int result = wrap_read(&fail->wrap, key, expected, buffer, size / 2, offset, err);

    if (result < 0)
        return result;
    return ps_error_set(err, PS_E_CORRUPT, 0,
                        "on purpose: %zu of %zu bytes at %" PRIu64 " of '%.100s'", size / 2, size,
                        offset, key);
}

static int fail_read(void *handle, const char *key, const struct ps_object_info *expected,
                     void *buffer, size_t size, uint64_t offset, struct ps_error *err)
{
    struct fail *fail = handle;
    bool hit = hits(fail, size, offset);

    if (lies_about_length(fail))
        return read_lied(fail, key, expected, buffer, size, offset, err);
    if (!hit || fail->mode == MODE_WRONG_LENGTH)
        return wrap_read(&fail->wrap, key, expected, buffer, size, offset, err);
    switch (fail->mode) {
    case MODE_SHORT:
        return read_short(fail, key, expected, buffer, size, offset, err);
    case MODE_STALE:
        return ps_error_set(err, PS_E_STALE, 0, "on purpose: '%.100s' is another object now", key);
    case MODE_STALL:
        wrap_sleep_until(wrap_now() + fail->stall);
        return wrap_read(&fail->wrap, key, expected, buffer, size, offset, err);
    default:
        return ps_error_set(err, PS_E_UNAVAILABLE, 0,
                            "on purpose: no answer for %zu bytes at %" PRIu64 " of '%.100s'", size,
                            offset, key);
    }
}

static int fail_put(void *handle, const char *key, const struct ps_content *content,
                    struct ps_object_info *info, struct ps_error *err)
{
    struct fail *fail = handle;

    return wrap_put(&fail->wrap, key, content, info, err);
}

static int fail_exists(void *handle, const char *key, struct ps_error *err)
{
    struct fail *fail = handle;

    return wrap_exists(&fail->wrap, key, err);
}

static int fail_evict(void *handle, const char *key, struct ps_error *err)
{
    struct fail *fail = handle;

    return wrap_evict(&fail->wrap, key, err);
}

static const struct ps_backend backend = {
    .struct_size = sizeof(struct ps_backend),
    .api_version = PS_BACKEND_API,
    .flags = PS_BACKEND_PARALLEL | PS_BACKEND_WRAPPER,
    .name = "fail",
    .schemes = "fail",
    .help = "fail.every=N: every N-th read fails\n"
            "fail.after=SIZE: reads of bytes at or behind this offset fail\n"
            "fail.mode=error|short|stale|wrong-length|stall: how; wrong-length is always in stat\n"
            "fail.stall=TIME: how long a stall lasts, at most 60s (1s)\n",
    .open = fail_open,
    .close = fail_close,
    .stat = fail_stat,
    .read = fail_read,
    .put = fail_put,
    .exists = fail_exists,
    .evict = fail_evict,
};

PS_API const struct ps_backend *ps_backend_init(uint32_t api_version)
{
    return api_version == PS_BACKEND_API ? &backend : NULL;
}

/*
 * fail.c: a store that fails on purpose
 *
 * fail+<URL>?fail.every=N&fail.after=BYTES&fail.at=N&fail.mode=...&fail.stall=TIME. For
 * tests of what programs and libps do then, and for users who want to see
 * their program survive it. Without options nothing fails. A path is no
 * option: it would let a proxy ask which files its reader has.
 */
#include "../wrap/wrap.h"

#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

enum mode { MODE_ERROR, MODE_SHORT, MODE_STALE, MODE_WRONG_LENGTH, MODE_STALL, MODE_SILENT };

static const char *const mode_names[] = {
    [MODE_ERROR] = "error", [MODE_SHORT] = "short",
    [MODE_STALE] = "stale", [MODE_WRONG_LENGTH] = "wrong-length",
    [MODE_STALL] = "stall", [MODE_SILENT] = "silent",
};

struct fail {
    struct wrap wrap;
    enum mode mode;
    uint64_t every;      /* 0: not by count */
    uint64_t after;      /* UINT64_MAX: not by offset */
    uint64_t at;         /* the one call that fails; 0: none */
    uint64_t stall;      /* nanoseconds */
    char path[PATH_MAX]; /* that of PS_FAIL_WHILE, or "" */
    _Atomic uint64_t reads;
};

/* Opens included; for fail.at only, and made by the first open with it. Children count on in it. */
static _Atomic uint64_t *calls;

static int take_mode(struct fail *fail, const char *value, struct ps_error *err)
{
    for (size_t i = 0; i < sizeof(mode_names) / sizeof(mode_names[0]); i++)
        if (strcmp(value, mode_names[i]) == 0) {
            fail->mode = (enum mode)i;
            return 1;
        }
    return ps_error_set(err, PS_E_INVALID, 0,
                        "fail.mode is error, short, stale, wrong-length, stall or silent, not '%s'",
                        value);
}

static int take_options(struct fail *fail, char *url, struct ps_error *err)
{
    char mode[64];
    int every = module_number(&fail->every, url, "fail.every", ps_parse_size, err);
    int after = module_number(&fail->after, url, "fail.after", ps_parse_size, err);
    int at = module_number(&fail->at, url, "fail.at", ps_parse_size, err);
    int stall = module_number(&fail->stall, url, "fail.stall", ps_parse_time, err);
    int moded = ps_url_option(url, "fail.mode", mode, sizeof(mode), err);

    if (moded == 1)
        moded = take_mode(fail, mode, err);
    if (every < 0 || after < 0 || at < 0 || stall < 0 || moded < 0)
        return PS_E_INVALID;
    if (every == 1 && fail->every == 0)
        return ps_error_set(err, PS_E_INVALID, 0, "fail.every=0 means nothing");
    if (fail->stall > WRAP_LONGEST)
        return ps_error_set(err, PS_E_INVALID, 0, "fail.stall is more than 60s");
    /* a kind of failure without a number: always */
    if (every == 0 && after == 0 && at == 0 && moded == 1)
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

/* Is this the one call that fails? */
static bool is_at(const struct fail *fail)
{
    return fail->at > 0 && atomic_fetch_add(calls, 1) + 1 == fail->at;
}

/* A call that reads nothing, and is the one that fails: it stalls, or has no answer. */
static int fail_once(const struct fail *fail, const char *what, struct ps_error *err)
{
    if (!is_at(fail))
        return 0;
    if (fail->mode == MODE_STALL) {
        wrap_sleep_until(module_now() + fail->stall);
        return 0;
    }
    return ps_error_set(err, PS_E_UNAVAILABLE, 0, "on purpose: no answer to %s", what);
}

static int share_calls(struct ps_error *err)
{
    void *shared = MAP_FAILED;

    if (calls == NULL)
        shared =
            mmap(NULL, sizeof(*calls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (calls == NULL && shared == MAP_FAILED)
        return ps_error_set(err, PS_E_NOMEM, errno, "opening a fail+ store");
    calls = calls != NULL ? calls : shared;
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
    if (result == 0 && fail->at > 0)
        result = share_calls(err);
    if (result == 0)
        result = fail_once(fail, "an open", err);
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
    return fail->mode == MODE_WRONG_LENGTH && fail->at == 0 && is_time(fail);
}

/* Is this read one of those that fail? Reads are counted also while none does. */
static bool hits(struct fail *fail, size_t size, uint64_t offset)
{
    uint64_t number = atomic_fetch_add(&fail->reads, 1) + 1;

    if (is_at(fail))
        return true;
    return is_time(fail) && ((fail->every > 0 && number % fail->every == 0) ||
                             (size > 0 && offset + size > fail->after));
}

/* What fail.at does to an answer: it is of another object, or of more bytes than there are. */
static int lie(const struct fail *fail, struct ps_object_info *info, struct ps_error *err)
{
    switch (fail->mode) {
    case MODE_WRONG_LENGTH:
        info->size++;
        return 0;
    case MODE_SHORT:
        info->size /= 2;
        return 0;
    case MODE_STALE:
        snprintf(info->version, sizeof(info->version), "on purpose another");
        return 0;
    case MODE_STALL:
        wrap_sleep_until(module_now() + fail->stall);
        return 0;
    default:
        return ps_error_set(err, PS_E_UNAVAILABLE, 0, "on purpose: no answer");
    }
}

static int fail_stat(void *handle, const char *key, struct ps_object_info *info,
                     struct ps_error *err)
{
    struct fail *fail = handle;
    bool hit = is_at(fail);
    int result = wrap_stat(&fail->wrap, key, info, err);

    if (result == 0 && hit)
        return lie(fail, info, err);
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
    if (!hit || (fail->mode == MODE_WRONG_LENGTH && fail->at == 0))
        return wrap_read(&fail->wrap, key, expected, buffer, size, offset, err);
    switch (fail->mode) {
    case MODE_WRONG_LENGTH:
    case MODE_SHORT:
        return read_short(fail, key, expected, buffer, size, offset, err);
    case MODE_STALE:
        return ps_error_set(err, PS_E_STALE, 0, "on purpose: '%.100s' is another object now", key);
    case MODE_STALL:
        wrap_sleep_until(module_now() + fail->stall);
        return wrap_read(&fail->wrap, key, expected, buffer, size, offset, err);
    case MODE_SILENT: /* what no backend should do */
        return PS_E_UNAVAILABLE;
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
    bool hit = is_at(fail);
    int result = wrap_put(&fail->wrap, key, content, info, err);

    return result == 0 && hit ? lie(fail, info, err) : result;
}

static int fail_exists(void *handle, const char *key, struct ps_error *err)
{
    struct fail *fail = handle;
    int result = fail_once(fail, "whether an object exists", err);

    return result < 0 ? result : wrap_exists(&fail->wrap, key, err);
}

static int fail_evict(void *handle, const char *key, struct ps_error *err)
{
    struct fail *fail = handle;
    int result = fail_once(fail, "the end of an object", err);

    return result < 0 ? result : wrap_evict(&fail->wrap, key, err);
}

static int fail_list(void *handle, ps_backend_each *each, void *context, struct ps_error *err)
{
    struct fail *fail = handle;
    int result = fail_once(fail, "which objects there are", err);

    return result < 0 ? result : wrap_list(&fail->wrap, each, context, err);
}

static const struct ps_backend backend = {
    .struct_size = sizeof(struct ps_backend),
    .api_version = PS_BACKEND_API,
    .flags = PS_BACKEND_PARALLEL | PS_BACKEND_WRAPPER,
    .name = "fail",
    .schemes = "fail",
    .help = "fail.every=N: every N-th read fails\n"
            "fail.after=SIZE: reads of bytes at or behind this offset fail\n"
            "fail.at=N: the N-th call of the process and its children fails, whichever it is\n"
            "fail.mode=error|short|stale|wrong-length|stall|silent: how; wrong-length is always in "
            "stat\n"
            "fail.stall=TIME: how long a stall lasts, at most 60s (1s)\n",
    .open = fail_open,
    .close = fail_close,
    .stat = fail_stat,
    .read = fail_read,
    .put = fail_put,
    .exists = fail_exists,
    .evict = fail_evict,
    .list = fail_list,
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

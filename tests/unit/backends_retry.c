/* backends_retry.c: the retry wrapper, on the fail wrapper and on a store that follows a script */
#include <criterion/criterion.h>

#include "../../backends/retry/retry.c"
#include "backends_help.h"

/* --- on real stores ----------------------------------------------------------------------- */

static void open_filled(struct place *p, struct ps_object_info *info, const char *url)
{
    struct place plain;

    open_place(&plain, "memory://r");
    cr_assert_eq(put(&plain, "k", 1000, 4, info), 0);
    close_place(&plain);
    open_place(p, url);
}

Test(retry, a_failure_that_passes_is_not_seen)
{
    struct ps_object_info info;
    struct place p;

    open_filled(&p, &info, "retry+fail+memory://r?fail.every=2&retry.min=1ms");
    for (int i = 0; i < 20; i++)
        expect_bytes(&p, "k", &info, 1000, 0, 4);
    cr_assert_eq(p.err.code, 0);
    close_place(&p);
}

Test(retry, the_last_failure_is_told_with_the_number_of_tries)
{
    struct ps_object_info info;
    struct place p;
    char byte;

    open_filled(&p, &info, "retry+fail+memory://r?fail.mode=error&retry.min=1ms&retry.tries=3");
    expect_code(&p, p.b->read(p.h, "k", &info, &byte, 1, 0, &p.err), PS_E_UNAVAILABLE);
    cr_assert_eq(strncmp(p.err.message, "after 3 tries: on purpose: ", 27), 0, "%s", p.err.message);
    close_place(&p);
}

Test(retry, a_file_is_still_handed_out)
{
    struct ps_object_info info;
    struct place p;
    int fd;

    open_place(&p, "retry+file://%s/store");
    cr_assert_eq(put(&p, "k", 10, 1, &info), 0, "%s", p.err.message);
    fd = p.b->descriptor(p.h, "k", &info, &p.err);
    cr_assert_geq(fd, 0, "%s", p.err.message);
    close(fd);
    close_place(&p);
    open_place(&p, "retry+memory://r");
    expect_code(&p, p.b->descriptor(p.h, "k", &info, &p.err), PS_E_UNSUPPORTED);
    close_place(&p);
}

Test(retry, options)
{
    static const char *const wrong[] = {
        "tries=0",   "tries=101", "tries=x",     "min=999us",    "max=61s",
        "max=999us", "min=11s",   "deadline=1m", "deadline=61s", "forever=1",
    };
    struct place p = {0};
    char url[96];

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        snprintf(url, sizeof(url), "retry+memory://r?retry.%s", wrong[i]);
        expect_code(&p, try_place(&p, url), PS_E_INVALID);
    }
    expect_code(&p, try_place(&p, "retry+fail+retry+memory://r"), PS_E_INVALID);
    cr_assert_eq(try_place(&p, "retry+memory://r?retry.tries=100&retry.deadline=0"), 0);
    close_place(&p);
}

/* --- on a script: the first calls fail, the next succeeds --------------------------------------
 */

static struct {
    int failures, code, system; /* how many calls fail, and with what */
    int calls;
    uint64_t after; /* ns, that a failure says */
} script;

static int next_result(int success, struct ps_error *err)
{
    ps_backend_retry_after(script.after);
    if (script.calls++ >= script.failures)
        return success;
    return ps_error_set(err, script.code, script.system, "failure %d", script.calls);
}

static int script_stat(void *handle, const char *key, struct ps_object_info *info,
                       struct ps_error *err)
{
    (void)handle, (void)key, (void)info;
    return next_result(0, err);
}

static int script_read(void *handle, const char *key, const struct ps_object_info *expected,
                       void *buffer, size_t size, uint64_t offset, struct ps_error *err)
{
    (void)handle, (void)key, (void)expected, (void)buffer, (void)size, (void)offset;
    return next_result(0, err);
}

/* Fails half-way through the content. */
static int script_put(void *handle, const char *key, const struct ps_content *content,
                      struct ps_object_info *info, struct ps_error *err)
{
    unsigned char bytes[100];
    int result = content->read(content, bytes, 50, 0, err);

    (void)handle, (void)key, (void)info;
    cr_assert_eq(content->size, sizeof(bytes));
    if (result == 0)
        result = next_result(0, err);
    else
        script.calls++;
    if (result == 0)
        result = content->read(content, bytes + 50, 50, 50, err);
    cr_assert(result < 0 || first_wrong(bytes, sizeof(bytes), 0, 3) == sizeof(bytes));
    return result;
}

static int script_exists(void *handle, const char *key, struct ps_error *err)
{
    (void)handle, (void)key;
    return next_result(1, err);
}

static int script_evict(void *handle, const char *key, struct ps_error *err)
{
    (void)handle, (void)key;
    return next_result(0, err);
}

static int script_descriptor(void *handle, const char *key, const struct ps_object_info *expected,
                             struct ps_error *err)
{
    (void)handle, (void)key, (void)expected;
    return next_result(7, err);
}

/* With a handle it tells of an object before it fails. */
static int script_list(void *handle, ps_backend_each *each, void *context, struct ps_error *err)
{
    static const struct ps_object_info info = {.size = 1};

    if (handle != NULL)
        each(context, "k", &info);
    return next_result(0, err);
}

static int count_told(void *context, const char *key, const struct ps_object_info *info)
{
    (void)key, (void)info;
    ++*(int *)context;
    return 0;
}

static const struct ps_backend scripted = {
    .flags = PS_BACKEND_PARALLEL,
    .name = "script",
    .stat = script_stat,
    .read = script_read,
    .put = script_put,
    .exists = script_exists,
    .evict = script_evict,
    .descriptor = script_descriptor,
    .list = script_list,
};

static struct retry on_script(int failures, int code, int system)
{
    script.failures = failures;
    script.code = code;
    script.system = system;
    script.calls = 0;
    return (struct retry){
        .wrap = {.backend = &scripted},
        .tries = 5,
        .min = WAIT_LEAST,
        .max = WAIT_LEAST,
        .deadline = WRAP_LONGEST,
    };
}

Test(retry, every_call_is_made_again)
{
    struct pattern pattern = {.content = {.size = 100, .read = read_pattern}, .seed = 3};
    struct ps_error err = {0};
    struct ps_object_info info = {0};
    struct retry retry;

    retry = on_script(2, PS_E_UNAVAILABLE, 0);
    cr_assert_eq(retry_stat(&retry, "k", &info, &err), 0);
    retry = on_script(2, PS_E_UNAVAILABLE, 0);
    cr_assert_eq(retry_read(&retry, "k", &info, NULL, 0, 0, &err), 0);
    retry = on_script(2, PS_E_UNAVAILABLE, 0);
    cr_assert_eq(retry_put(&retry, "k", &pattern.content, &info, &err), 0);
    retry = on_script(2, PS_E_UNAVAILABLE, 0);
    cr_assert_eq(retry_exists(&retry, "k", &err), 1);
    retry = on_script(2, PS_E_UNAVAILABLE, 0);
    cr_assert_eq(retry_evict(&retry, "k", &err), 0);
    retry = on_script(2, PS_E_UNAVAILABLE, 0);
    cr_assert_eq(retry_descriptor(&retry, "k", &info, &err), 7);
    cr_assert_eq(script.calls, 3);
    cr_assert_eq(err.code, 0);
}

Test(retry, a_store_says_when_it_may_be_asked_again)
{
    struct retry retry = on_script(2, PS_E_UNAVAILABLE, 0);
    struct ps_object_info info = {0};
    struct ps_error err = {0};
    uint64_t began = module_now();

    script.after = 30 * WAIT_LEAST;
    cr_assert_eq(retry_stat(&retry, "k", &info, &err), 0);
    cr_assert_geq(module_now() - began, 60 * WAIT_LEAST, "not before");
    retry = on_script(2, PS_E_UNAVAILABLE, 0);
    retry.deadline = 20 * WAIT_LEAST;
    cr_assert_eq(retry_stat(&retry, "k", &info, &err), PS_E_UNAVAILABLE);
    cr_assert_eq(script.calls, 1, "it is not asked where the deadline is before that");
    script.after = 0;
    ps_backend_retry_after(WRAP_LONGEST); /* of another call, long ago */
    retry = on_script(1, PS_E_UNAVAILABLE, 0);
    retry.deadline = 200 * WAIT_LEAST;
    cr_assert_eq(retry_stat(&retry, "k", &info, &err), 0);
}

/* Else its reader would have objects twice. */
Test(retry, a_list_is_not_begun_again_once_it_told)
{
    struct ps_error err = {0};
    struct retry retry = on_script(2, PS_E_UNAVAILABLE, 0);
    int count = 0;

    cr_assert_eq(retry_list(&retry, count_told, &count, &err), 0);
    cr_assert_eq(script.calls, 3);
    retry = on_script(2, PS_E_UNAVAILABLE, 0);
    retry.wrap.handle = &count;
    cr_assert_eq(retry_list(&retry, count_told, &count, &err), PS_E_UNAVAILABLE);
    cr_assert_eq(script.calls, 1);
    cr_assert_eq(count, 1);
}

Test(retry, only_what_may_pass_is_tried_again)
{
    static const struct {
        int code, system, calls;
    } rows[] = {
        {PS_E_UNAVAILABLE, 0, 5},     {PS_E_UNAVAILABLE, ECONNREFUSED, 5},
        {PS_E_SYSTEM, EIO, 5},        {PS_E_SYSTEM, EAGAIN, 5},
        {PS_E_SYSTEM, EINTR, 5},      {PS_E_SYSTEM, ETIMEDOUT, 5},
        {PS_E_SYSTEM, ECONNRESET, 5}, {PS_E_SYSTEM, EHOSTUNREACH, 5},
        {PS_E_SYSTEM, EACCES, 1},     {PS_E_SYSTEM, ENOSPC, 1},
        {PS_E_SYSTEM, 0, 1},          {PS_E_INVALID, 0, 1},
        {PS_E_NOMEM, ENOMEM, 1},      {PS_E_NOT_FOUND, ENOENT, 1},
        {PS_E_CORRUPT, EIO, 1},       {PS_E_UNSUPPORTED, 0, 1},
        {PS_E_REFUSED, 0, 1},         {PS_E_STALE, ESTALE, 1},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct retry retry = on_script(100, rows[i].code, rows[i].system);
        struct ps_error err = {0};

        cr_assert_eq(retry_evict(&retry, "k", &err), rows[i].code);
        cr_assert_eq(script.calls, rows[i].calls, "row %zu: %d calls", i, script.calls);
        cr_assert(err.code == rows[i].code && err.sys_errno == rows[i].system);
        cr_assert_eq(strncmp(err.message, "after 5 tries: failure 5", 24) == 0, rows[i].calls == 5,
                     "row %zu: %s", i, err.message);
    }
}

Test(retry, an_error_that_is_set_already_stays)
{
    struct retry retry = on_script(100, PS_E_UNAVAILABLE, 0);
    struct ps_error err = {0};

    ps_error_set(&err, PS_E_STALE, 0, "first");
    cr_assert_eq(retry_evict(&retry, "k", &err), PS_E_UNAVAILABLE);
    cr_assert(err.code == PS_E_STALE && strcmp(err.message, "first") == 0);
    retry = on_script(100, PS_E_UNAVAILABLE, 0);
    cr_assert_eq(retry_evict(&retry, "k", NULL), PS_E_UNAVAILABLE);
}

static int no_content(const struct ps_content *content, void *buffer, size_t size, uint64_t offset,
                      struct ps_error *err)
{
    (void)content, (void)buffer, (void)size, (void)offset;
    return ps_error_set(err, PS_E_UNAVAILABLE, 0, "the content is gone");
}

Test(retry, content_that_fails_is_not_put_again)
{
    struct ps_content content = {.size = 100, .read = no_content};
    struct retry retry = on_script(100, PS_E_UNAVAILABLE, 0);
    struct ps_object_info info;
    struct ps_error err = {0};

    cr_assert_eq(retry_put(&retry, "k", &content, &info, &err), PS_E_UNAVAILABLE);
    cr_assert_eq(script.calls, 1);
    cr_assert_str_eq(err.message, "the content is gone");
}

Test(retry, no_try_begins_after_the_deadline)
{
    struct retry retry = on_script(100, PS_E_UNAVAILABLE, 0);

    retry.tries = TRIES_MOST;
    retry.min = retry.max = 20000000;
    retry.deadline = 50000000;
    cr_assert_eq(retry_evict(&retry, "k", NULL), PS_E_UNAVAILABLE);
    cr_assert(script.calls >= 1 && script.calls <= 3, "%d calls", script.calls);
    retry = on_script(100, PS_E_UNAVAILABLE, 0);
    retry.deadline = 0;
    cr_assert_eq(retry_evict(&retry, "k", NULL), PS_E_UNAVAILABLE);
    cr_assert_eq(script.calls, 1);
}

Test(retry, waits_double_up_to_the_longest_and_differ)
{
    struct retry retry = {.min = WAIT_LEAST, .max = 20 * WAIT_LEAST};

    for (uint64_t number = 1; number <= TRIES_MOST; number++) {
        struct attempt attempt = {.retry = &retry, .number = number};
        uint64_t limit = number < 5 ? WAIT_LEAST << number : retry.max;
        uint64_t least = UINT64_MAX, most = 0;

        for (int i = 0; i < 1000; i++) {
            uint64_t wait = choose_wait(&attempt);

            least = wait < least ? wait : least;
            most = wait > most ? wait : most;
        }
        cr_assert(least >= retry.min && most <= limit);
        /* of 1000 that are spread evenly, none in the outer tenths: 1 in 10^45 */
        cr_assert_lt(least, retry.min + (limit - retry.min) / 10);
        cr_assert_gt(most, limit - (limit - retry.min) / 10);
    }
}

/*
 * backends.c: the conformance suite, run against every backend
 *
 * What include/ps/backend.h promises, and nothing that only one backend does.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "backends_help.h"

struct subject {
    char url[128];
};

static struct subject subjects[] = {
    {"file://%s/store"},
    {"memory://conformance"},
    {"delay+file://%s/store?delay.latency=50us&delay.bandwidth=1T"},
    {"delay+memory://conformance?delay.latency=50us&delay.bandwidth=1T"},
    {"fail+memory://conformance"},
    {"fail+delay+file://%s/store?direct=0&delay.latency=0"},
    {"retry+file://%s/store"},
    {"trace+retry+file://%s/store"},
    {"retry+fail+memory://conformance?fail.every=7&retry.tries=100&retry.min=1ms&retry.max=1ms"},
    {"cache+file://%s/store"},
    {"trace+cache+retry+memory://conformance"},
    {"redis://%s/redis.sock"},
    {"redis://%s/redis.sock?part=4K"},
    {"trace+redis://%s/redis.sock?ttl=100s"},
    {"s3://bucket%s/store"},
    {"trace+retry+s3://bucket%s/store?s3.part=5M"},
    {"dvc://%s/store"}, /* examples/backend_dvc.c */
};

/* Where libps can put nothing, others have: into a new file, and that into its place. */
static int store_as_others(struct place *p, const char *key, uint64_t size, unsigned seed,
                           struct ps_object_info *info)
{
    struct pattern pattern = {.content = {.size = size}, .seed = seed};
    char *bytes = malloc(size + 1), path[256], new[256];
    FILE *file;

    mkdir(path_in(p, "store"), 0700);
    snprintf(path, sizeof(path), "%s/store/%.2s", p->folder, key);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/store/%.2s/%s", p->folder, key, key + 2);
    snprintf(new, sizeof(new), "%s/new", p->folder);
    file = fopen(new, "w");
    cr_assert_not_null(file);
    read_pattern(&pattern.content, bytes, size, 0, NULL);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert(fclose(file) == 0 && rename(new, path) == 0);
    free(bytes);
    return p->b->stat(p->h, key, info, &p->err);
}

static int store(struct place *p, const char *key, uint64_t size, unsigned seed,
                 struct ps_object_info *info)
{
    return (p->b->put != NULL ? put : store_as_others)(p, key, size, seed, info);
}

/* As libps asks: by stat, where the backend has no exists. */
static int is_there(struct place *p, const char *key)
{
    struct ps_object_info info;
    int result;

    if (p->b->exists != NULL)
        return p->b->exists(p->h, key, &p->err);
    result = p->b->stat(p->h, key, &info, &p->err);
    ps_error_clear(&p->err);
    return result == PS_E_NOT_FOUND ? 0 : result == 0 ? 1 : result;
}

#define CONFORMANCE(name)                                                                          \
    ParameterizedTestParameters(backends, name)                                                    \
    {                                                                                              \
        return cr_make_param_array(struct subject, subjects,                                       \
                                   sizeof(subjects) / sizeof(subjects[0]));                        \
    }                                                                                              \
    ParameterizedTest(struct subject *subject, backends, name, .timeout = 120)

CONFORMANCE(what_was_put_is_read)
{
    static const uint64_t sizes[] = {0, 1, 3, 4095, 4096, 4097, 5 << 20};
    struct ps_object_info put_info, info;
    struct place p;

    open_place(&p, subject->url);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        cr_assert_eq(store(&p, "a key", sizes[i], (unsigned)i, &put_info), 0, "%s", p.err.message);
        cr_assert_eq(p.b->stat(p.h, "a key", &info, &p.err), 0, "%s", p.err.message);
        cr_assert_eq(info.size, sizes[i]);
        cr_assert_eq(put_info.size, sizes[i]);
        cr_assert_str_eq(info.version, put_info.version);
        cr_assert_neq(info.version[0], '\0');
        expect_bytes(&p, "a key", &info, (size_t)sizes[i], 0, (unsigned)i);
    }
    close_place(&p);
}

/* What a list tells. */
struct told {
    struct ps_object_info infos[4];
    unsigned seen[4], others, stop_after;
};

static int tell(void *context, const char *key, const struct ps_object_info *info)
{
    static const char *const keys[] = {"one", "two words", "three.x", "gone"};
    struct told *told = context;
    unsigned i;

    for (i = 0; i < 4 && strcmp(keys[i], key) != 0; i++)
        ;
    if (i == 4) {
        told->others++;
    } else {
        told->seen[i]++;
        told->infos[i] = *info;
    }
    return --told->stop_after == 0 ? 7 : 0;
}

CONFORMANCE(what_was_put_is_listed)
{
    static const uint64_t sizes[] = {0, 4096, 70000};
    static const char *const keys[] = {"one", "two words", "three.x"};
    struct told told = {.others = 0}, few = {.stop_after = 2};
    struct ps_object_info infos[3], gone;
    struct place p;

    open_place(&p, subject->url);
    if (p.b->list == NULL) {
        cr_assert_not_null(strstr(subject->url, "dvc://"));
        close_place(&p);
        return;
    }
    for (int i = 0; i < 3; i++)
        cr_assert_eq(store(&p, keys[i], sizes[i], 5, &infos[i]), 0, "%s", p.err.message);
    cr_assert_eq(store(&p, "gone", 9000, 5, &gone), 0, "%s", p.err.message);
    cr_assert_eq(store(&p, "one", 5000, 6, &infos[0]), 0, "%s", p.err.message);
    cr_assert_eq(p.b->evict(p.h, "gone", &p.err), 0, "%s", p.err.message);
    cr_assert_eq(p.b->list(p.h, tell, &told, &p.err), 0, "%s", p.err.message);
    cr_expect_eq(told.others, 0);
    cr_expect_eq(told.seen[3], 0);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(told.seen[i], 1, "%s: %u times", keys[i], told.seen[i]);
        cr_expect_eq(told.infos[i].size, infos[i].size);
        cr_expect_str_eq(told.infos[i].version, infos[i].version);
    }
    cr_expect_eq(p.b->list(p.h, tell, &few, &p.err), 7);
    cr_expect_eq(few.seen[0] + few.seen[1] + few.seen[2], 2);
    close_place(&p);
}

CONFORMANCE(any_range_is_read)
{
    static const struct {
        size_t size;
        uint64_t offset;
    } ranges[] = {
        {1, 0},          {1, 4095},   {2, 4095}, {4097, 1},   {777, 12345},
        {100000, 99999}, {1, 299999}, {0, 0},    {0, 300000},
    };
    struct ps_object_info info;
    struct place p;

    open_place(&p, subject->url);
    cr_assert_eq(store(&p, "key", 300000, 7, &info), 0, "%s", p.err.message);
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        expect_bytes(&p, "key", &info, ranges[i].size, ranges[i].offset, 7);
    close_place(&p);
}

CONFORMANCE(nothing_is_read_past_the_end)
{
    struct ps_object_info info;
    struct place p;
    char buffer[64];

    open_place(&p, subject->url);
    cr_assert_eq(store(&p, "key", 100, 7, &info), 0, "%s", p.err.message);
    expect_code(&p, p.b->read(p.h, "key", &info, buffer, 64, 37, &p.err), PS_E_CORRUPT);
    expect_code(&p, p.b->read(p.h, "key", &info, buffer, 1, 100, &p.err), PS_E_CORRUPT);
    expect_code(&p, p.b->read(p.h, "key", &info, buffer, 2, UINT64_MAX, &p.err), PS_E_CORRUPT);
    info.size = PS_SIZE_UNKNOWN;
    expect_code(&p, p.b->read(p.h, "key", &info, buffer, 1, 100, &p.err), PS_E_CORRUPT);
    expect_bytes(&p, "key", &info, 64, 36, 7);
    close_place(&p);
}

CONFORMANCE(a_missing_object_is_not_found)
{
    struct ps_object_info info = {.size = 1};
    struct place p;
    char byte;

    open_place(&p, subject->url);
    expect_code(&p, p.b->stat(p.h, "nobody", &info, &p.err), PS_E_NOT_FOUND);
    expect_code(&p, p.b->read(p.h, "nobody", &info, &byte, 1, 0, &p.err), PS_E_NOT_FOUND);
    cr_assert_eq(is_there(&p, "nobody"), 0);
    close_place(&p);
}

CONFORMANCE(a_replaced_object_is_stale)
{
    struct ps_object_info old, new, other;
    struct place p;
    char buffer[64];

    open_place(&p, subject->url);
    cr_assert_eq(store(&p, "key", 64, 1, &old), 0, "%s", p.err.message);
    expect_bytes(&p, "key", &old, 64, 0, 1);
    cr_assert_eq(store(&p, "key", 64, 2, &new), 0, "%s", p.err.message);
    cr_assert_str_neq(old.version, new.version);
    expect_code(&p, p.b->read(p.h, "key", &old, buffer, 8, 0, &p.err), PS_E_STALE);
    expect_bytes(&p, "key", &new, 64, 0, 2);
    /* each of size and version is checked where it is known, and only there */
    other = new;
    other.size = 65;
    expect_code(&p, p.b->read(p.h, "key", &other, buffer, 8, 0, &p.err), PS_E_STALE);
    other.version[0] = '\0';
    expect_code(&p, p.b->read(p.h, "key", &other, buffer, 8, 0, &p.err), PS_E_STALE);
    other.size = PS_SIZE_UNKNOWN;
    expect_bytes(&p, "key", &other, 64, 0, 2);
    close_place(&p);
}

CONFORMANCE(an_evicted_object_is_gone)
{
    struct ps_object_info info;
    struct place p;
    char byte;

    open_place(&p, subject->url);
    if (p.b->evict == NULL) {
        close_place(&p);
        cr_skip_test("%s: nothing can be removed there", p.b->name);
    }
    cr_assert_eq(p.b->evict(p.h, "key", &p.err), 0, "%s", p.err.message);
    cr_assert_eq(store(&p, "key", 10, 1, &info), 0, "%s", p.err.message);
    cr_assert_eq(store(&p, "other", 10, 3, &info), 0, "%s", p.err.message);
    expect_bytes(&p, "other", &info, 10, 0, 3);
    cr_assert_eq(is_there(&p, "key"), 1);
    cr_assert_eq(p.b->evict(p.h, "key", &p.err), 0, "%s", p.err.message);
    cr_assert_eq(p.b->evict(p.h, "key", &p.err), 0, "%s", p.err.message);
    cr_assert_eq(is_there(&p, "key"), 0);
    expect_code(&p, p.b->read(p.h, "key", &info, &byte, 1, 0, &p.err), PS_E_NOT_FOUND);
    expect_bytes(&p, "other", &info, 10, 0, 3);
    close_place(&p);
}

CONFORMANCE(a_bad_key_is_refused)
{
    static const char *const keys[] = {"", ".", "..", "a/b", "/etc/passwd", "../x"};
    struct ps_object_info info = {.size = 1};
    struct place p;
    char byte;

    open_place(&p, subject->url);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (p.b->put != NULL)
            expect_code(&p, put(&p, keys[i], 1, 0, &info), PS_E_INVALID);
        expect_code(&p, p.b->stat(p.h, keys[i], &info, &p.err), PS_E_INVALID);
        expect_code(&p, p.b->read(p.h, keys[i], &info, &byte, 1, 0, &p.err), PS_E_INVALID);
        if (p.b->exists != NULL)
            expect_code(&p, p.b->exists(p.h, keys[i], &p.err), PS_E_INVALID);
        if (p.b->evict != NULL)
            expect_code(&p, p.b->evict(p.h, keys[i], &p.err), PS_E_INVALID);
    }
    close_place(&p);
}

CONFORMANCE(an_unknown_option_is_refused)
{
    struct place p = {0};
    char url[192];

    snprintf(url, sizeof(url), "%s%cno.such=1", subject->url,
             strchr(subject->url, '?') ? '&' : '?');
    expect_code(&p, try_place(&p, url), PS_E_INVALID);
    cr_assert(strstr(p.err.message, "no.such"), "%s", p.err.message);
    close_place(&p);
}

static int fail_halfway(const struct ps_content *content, void *buffer, size_t size,
                        uint64_t offset, struct ps_error *err)
{
    (void)content;
    memset(buffer, 1, size);
    if (offset + size < content->size)
        return 0;
    return ps_error_set(err, PS_E_UNAVAILABLE, 0, "the content ends here");
}

CONFORMANCE(a_failed_put_changes_nothing)
{
    struct ps_content content = {.size = 3 << 20, .read = fail_halfway};
    struct ps_object_info info, ignored;
    struct place p;

    open_place(&p, subject->url);
    if (p.b->put == NULL) {
        close_place(&p);
        cr_skip_test("%s: can only be read", p.b->name);
    }
    expect_code(&p, p.b->put(p.h, "new", &content, &ignored, &p.err), PS_E_UNAVAILABLE);
    cr_assert_eq(is_there(&p, "new"), 0);
    cr_assert_eq(store(&p, "key", 10, 1, &info), 0, "%s", p.err.message);
    expect_code(&p, p.b->put(p.h, "key", &content, &ignored, &p.err), PS_E_UNAVAILABLE);
    expect_bytes(&p, "key", &info, 10, 0, 1);
    close_place(&p);
}

/* --- many threads, one handle --------------------------------------------------- */

enum { THREADS = 8, BIG = 3000000 };

struct worker {
    pthread_t thread;
    struct place place; /* a copy: the handle is shared, the error is the thread's own */
    struct ps_object_info info;
    unsigned number;
    size_t wrong;
    unsigned seen;
    atomic_bool *stop;
};

static void *read_everywhere(void *argument)
{
    struct worker *w = argument;
    unsigned char buffer[5000];
    uint64_t at = w->number * 1234567U;

    for (int i = 0; i < 300; i++, at = at * 25214903917U + 11) {
        size_t size = at % sizeof(buffer) + 1;
        uint64_t offset = (at >> 16) % (BIG - size);

        if (read_some(&w->place, "key", &w->info, buffer, size, offset) != 0 ||
            first_wrong(buffer, size, offset, 5) != size)
            w->wrong++;
    }
    return NULL;
}

static void start(struct worker *workers, const struct place *p, const struct ps_object_info *info,
                  void *(*work)(void *), atomic_bool *stop)
{
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.place = *p, .info = *info, .number = i, .stop = stop};
        cr_assert_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
}

static void finish(struct worker *workers)
{
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        cr_assert_eq(workers[i].wrong, 0, "%s", workers[i].place.err.message);
    }
}

CONFORMANCE(parallel_readers_get_their_own_bytes)
{
    struct worker workers[THREADS];
    struct ps_object_info info;
    struct place p;

    open_place(&p, subject->url);
    cr_assert_eq(store(&p, "key", BIG, 5, &info), 0, "%s", p.err.message);
    start(workers, &p, &info, read_everywhere, NULL);
    finish(workers);
    close_place(&p);
}

/* Objects are replaced by others of another size: whole ones or an honest error, never a mix. */
static void *read_whole(void *argument)
{
    struct worker *w = argument;
    unsigned char *buffer = malloc(40000);

    while (!atomic_load(w->stop)) {
        int result = w->place.b->stat(w->place.h, "key", &w->info, &w->place.err);
        unsigned seed = (unsigned)w->info.size - 20000;

        if (result == 0)
            result = read_some(&w->place, "key", &w->info, buffer, w->info.size, 0);
        if (result == 0 && first_wrong(buffer, w->info.size, 0, seed) == w->info.size)
            w->seen++;
        else if (result != PS_E_STALE)
            w->wrong++;
    }
    free(buffer);
    return NULL;
}

CONFORMANCE(replaced_puts_are_atomic)
{
    struct worker workers[THREADS];
    struct ps_object_info info;
    atomic_bool stop = false;
    unsigned seen = 0;
    struct place p;

    open_place(&p, subject->url);
    cr_assert_eq(store(&p, "key", 20000, 0, &info), 0, "%s", p.err.message);
    start(workers, &p, &info, read_whole, &stop);
    for (unsigned i = 1; i < 200; i++)
        cr_assert_eq(store(&p, "key", 20000 + i, i, &info), 0, "%s", p.err.message);
    usleep(100000);
    atomic_store(&stop, true);
    finish(workers);
    for (int i = 0; i < THREADS; i++)
        seen += workers[i].seen;
    cr_assert_gt(seen, 0);
    close_place(&p);
}

/* --- the example ------------------------------------------------------------------ */

Test(backends, a_key_of_the_example_leads_nowhere_else)
{
    struct ps_object_info info;
    struct place p;

    open_place(&p, "dvc://%s/store");
    cr_assert_eq(store(&p, "abc", 1, 0, &info), 0, "%s", p.err.message);
    write_file(&p, "secret", "secret");
    expect_code(&p, p.b->stat(p.h, "..secret", &info, &p.err), PS_E_INVALID);
    expect_code(&p, p.b->stat(p.h, "ab..", &info, &p.err), PS_E_UNSUPPORTED);
    cr_assert_eq(symlink("../../secret", path_in(&p, "store/ab/link")), 0);
    expect_code(&p, p.b->stat(p.h, "ablink", &info, &p.err), PS_E_SYSTEM);
    close_place(&p);
}

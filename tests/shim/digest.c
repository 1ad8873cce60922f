/*
 * digest.c: who reads all of an object that has another digest than its proxy says, meets an error
 *
 * run: link talks
 */
#include "own_store.h"

#include <pthread.h>
#include <stdatomic.h>

#include <ps/try.h>

static struct ps_proxy proxy;
static struct ps_error err;
static char right[80];

static const char *uri(const char *digest)
{
    static char text[4096];

    snprintf(text, sizeof(text), "%s#size=%d&version=%s&digest=%s", proxy.object, SMALL,
             proxy.version, digest);
    return text;
}

/* Each test has an object of its own: images are shared. */
static void put_one(void)
{
    static int number;
    char url[1100], sum[65];
    FILE *sums;

    snprintf(url, sizeof(url), "%s/%d-%d", getenv("TMP"), (int)getpid(), number++);
    CHECK(mkdir(url, 0700) == 0);
    snprintf(url, sizeof(url), "file://%s/%d-%d?direct=0", getenv("TMP"), (int)getpid(),
             number - 1);
    put_own(url, &proxy);
    sums = popen("sha256sum <$DATA/small", "r");
    CHECK(sums != NULL && fscanf(sums, "%64[0-9a-f]", sum) == 1 && pclose(sums) == 0);
    snprintf(right, sizeof(right), "sha256:%s", sum);
}

static unsigned char *map(const char *digest)
{
    unsigned char *at = ps_lazy_map(uri(digest), NULL, NULL, &err);

    if (at == NULL)
        FAIL("%s", err.message);
    return at;
}

/* The last hexadecimal digit is another one. */
static const char *wrong(void)
{
    static char text[80];

    if (proxy.size == 0)
        put_one();
    strcpy(text, right);
    text[70] = text[70] == '0' ? '1' : '0';
    return text;
}

static void a_right_one(void)
{
    unsigned char *at;

    put_one();
    at = map(right);

    CHECK(ps_resolve(at, 0, 0, &err) == 0);
    BYTES(at, SMALL, 0);
    ps_unmap(at);
}

static void in_capitals(void)
{
    char text[80];

    put_one();
    for (size_t i = 0; i <= strlen(right); i++)
        text[i] = (char)(right[i] >= 'a' && right[i] <= 'f' && i > 6 ? right[i] - 32 : right[i]);
    CHECK(ps_resolve(map(text), 0, 0, &err) == 0);
}

static void refused(unsigned char *at)
{
    struct ps_error cause = {0};

    CHECK(ps_resolve(at, 0, 0, &cause) == PS_E_CORRUPT && strstr(cause.message, "digest") != NULL);
}

static void a_wrong_one(void)
{
    unsigned char *at = map(wrong());

    refused(at);
    refused(at); /* it is no better the second time */
    ps_unmap(at);
}

static void by_touches(void)
{
    unsigned char *at = map(wrong());
    volatile unsigned char seen = 0;
    volatile int failures = 0;
    static struct ps_failure failure;

    for (size_t i = 0; i < SMALL; i += PAGE) {
        PS_TRY(&failure)
        {
            seen = at[i];
            if (seen != byte_at(i))
                FAIL("a wrong byte at %zu", i);
        }
        PS_CATCH
        {
            failures++;
            CHECK(failure.error.code == PS_E_CORRUPT);
        }
    }
    CHECK(failures > 0);
    ps_unmap(at);
}

static void *half(void *at)
{
    struct ps_error cause = {0};
    static atomic_uint turn;
    size_t from = atomic_fetch_add(&turn, 1) % 2 * (SMALL / 2);

    for (size_t i = from; i < from + SMALL / 2 + PAGE; i += PAGE) {
        int code = i < SMALL ? ps_resolve(at, i, 1, &cause) : 0;

        if (code < 0)
            return (void *)(intptr_t)code;
    }
    return NULL;
}

/* The last two requests end together, or nearly so. */
static void by_two_threads(void)
{
    for (int i = 0; i < 20; i++) {
        void *results[2];
        pthread_t threads[2];
        unsigned char *at;

        put_one();
        at = map(wrong());
        for (int k = 0; k < 2; k++)
            CHECK(pthread_create(&threads[k], NULL, half, at) == 0);
        for (int k = 0; k < 2; k++)
            CHECK(pthread_join(threads[k], &results[k]) == 0);
        CHECK(results[0] != NULL || results[1] != NULL);
        ps_unmap(at);
    }
}

/* What does not all arrive is not judged. */
static void a_part(void)
{
    unsigned char *at = map(wrong());

    CHECK(ps_resolve(at, 0, SMALL - PAGE - 123, &err) == 0);
    BYTES(at, SMALL - PAGE - 123, 0);
    ps_unmap(at);
}

static void never_at_once(void)
{
    unsigned char *at = map(wrong());

    for (size_t i = 0; i < SMALL; i += 16 * PAGE) {
        size_t size = SMALL - i < 16 * PAGE ? SMALL - i : 16 * PAGE;

        CHECK(ps_resolve(at, i, size, &err) == 0);
        BYTES(at + i, size, i);
        CHECK(ps_evict(at, i, size, &err) >= 0);
    }
    ps_unmap(at);
}

static void of_another_kind(void)
{
    put_one();
    CHECK(ps_resolve(map("md5:00"), 0, 0, &err) == 0);
}

/* One that has none is not judged by another's. */
static void beside_one_without(void)
{
    unsigned char *with = map(wrong()), *without = ps_lazy_map(proxy.object, NULL, NULL, &err);

    CHECK(without != NULL);
    refused(with);
    ps_unmap(with);
    CHECK(ps_resolve(without, 0, 0, &err) == 0);
    ps_unmap(without);
}

static void by_a_child(void)
{
    unsigned char *at = map(wrong());
    int status;
    pid_t child;

    CHECK(ps_resolve(at, 0, SMALL / 2, &err) == 0);
    child = fork();
    if (child == 0) {
        refused(at);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    refused(at);
}

int main(void)
{
    static const struct check_case cases[] = {
        CASE(a_right_one),        CASE(in_capitals), CASE(a_wrong_one),   CASE(by_touches),
        CASE(by_two_threads),     CASE(a_part),      CASE(never_at_once), CASE(of_another_kind),
        CASE(beside_one_without), CASE(by_a_child),
    };

    return CASES(cases, NULL);
}

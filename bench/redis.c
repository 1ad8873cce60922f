/*
 * redis.c: objects in Redis, beside what hiredis alone takes for the same bytes; links libps
 *
 *     redis SOCKET touch|part|put|all TIMES
 *
 * A server listens at SOCKET. touch: the first touch of an object of 1 KB, and
 * a GETRANGE of it. part: 10 MB in the middle of an object of 1 GB, in a fresh
 * map each time, and as many bytes by pipelined GETRANGEs of a value. put, all:
 * an object of 100 MB, and SET or GET of it. The two take turns. Prints the
 * wall times of libps (lazy) and hiredis (native), in ms, as print_figure in
 * timing.h does.
 */
#include <string.h>
#include <sys/mman.h>

#include <hiredis/hiredis.h>
#include <ps/ps.h>

#include "timing.h"

enum { SMALL = 1000, PART = 10000000, LARGE = 100000000, HUGE_ = 1000000000, CHUNK = 256 << 10 };

static redisContext *native;
static struct ps_store *store;
static unsigned char *bytes;

static void stop(const char *what, const struct ps_error *err)
{
    fprintf(stderr, "redis: %s: %s\n", what, err != NULL ? err->message : "it failed");
    exit(1);
}

static void fill(size_t size)
{
    bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED)
        stop("memory", NULL);
    for (size_t i = 0; i < size; i += sizeof(uint32_t))
        *(uint32_t *)(void *)(bytes + i) = (uint32_t)i * 2654435761U | 1;
}

static void expect(const unsigned char *got, size_t offset, size_t size)
{
    if (memcmp(got, bytes + offset, size) != 0)
        stop("wrong bytes", NULL);
}

static void put(const char *key, size_t size, char uri[PS_URI_MAX])
{
    struct ps_error err = {0};
    struct ps_proxy proxy;

    if (ps_store_put(store, key, bytes, size, &proxy, &err) < 0)
        stop("put", &err);
    snprintf(uri, PS_URI_MAX, "%s", proxy.object);
}

static const unsigned char *map(const char *uri)
{
    struct ps_error err = {0};
    const unsigned char *at = ps_lazy_map(uri, NULL, NULL, &err);

    if (at == NULL)
        stop("map", &err);
    return at;
}

/* A reply that is a string of this size, or any reply. */
static redisReply *reply(size_t size)
{
    void *got;

    if (redisGetReply(native, &got) != REDIS_OK || ((redisReply *)got)->type == REDIS_REPLY_ERROR ||
        (size > 0 && (size_t)((redisReply *)got)->len != size))
        stop("hiredis", NULL);
    return got;
}

static struct took touch(int number, bool is_lazy)
{
    struct took took = {0, 0};
    char key[32], uri[PS_URI_MAX];
    const unsigned char *at;
    redisReply *got;

    snprintf(key, sizeof(key), "touch-%d", number);
    put(key, SMALL, uri);
    if (is_lazy) {
        volatile unsigned char seen;
        at = map(uri);
        took = now();
        seen = at[500];
        took = since(took);
        (void)seen;
        expect(at, 0, SMALL);
        ps_unmap((void *)(uintptr_t)at);
        return took;
    }
    took = now();
    redisAppendCommand(native, "GETRANGE %s 0 %d", key, SMALL - 1);
    got = reply(SMALL);
    took = since(took);
    freeReplyObject(got);
    return took;
}

static struct took part(int number, bool is_lazy)
{
    static char uri[PS_URI_MAX], *value;
    const size_t middle = HUGE_ / 2;
    const unsigned char *at;
    struct took took;

    if (value == NULL) {
        char unused[PS_URI_MAX];
        put("huge", HUGE_, uri);
        put(value = "value", PART, unused);
    }
    (void)number;
    took = now();
    if (is_lazy) {
        at = map(uri);
        expect(at + middle, middle, PART);
        took = since(took);
        ps_evict(at, 0, HUGE_, NULL);
        ps_unmap((void *)(uintptr_t)at);
        return took;
    }
    for (int from = 0; from < PART; from += CHUNK)
        redisAppendCommand(native, "GETRANGE %s %d %d", value, from, from + CHUNK - 1);
    for (int from = 0; from < PART; from += CHUNK) {
        redisReply *got = reply(from + CHUNK < PART ? CHUNK : PART - from);
        expect((const unsigned char *)got->str, (size_t)from, (size_t)got->len);
        freeReplyObject(got);
    }
    return since(took);
}

static struct took put_large(int number, bool is_lazy)
{
    char uri[PS_URI_MAX];
    struct took took = now();

    (void)number;
    if (is_lazy)
        put("large", LARGE, uri);
    else {
        redisAppendCommand(native, "SET other %b", bytes, (size_t)LARGE);
        freeReplyObject(reply(0));
    }
    return since(took);
}

static struct took get_large(int number, bool is_lazy)
{
    struct ps_error err = {0};
    char uri[PS_URI_MAX], key[32];
    const unsigned char *at;
    struct took took;
    redisReply *got;

    snprintf(key, sizeof(key), "all-%d", number % 2);
    put(key, LARGE, uri);
    took = now();
    if (is_lazy) {
        at = map(uri);
        if (ps_resolve(at, 0, LARGE, &err) < 0)
            stop("resolve", &err);
        took = since(took);
        expect(at, 0, LARGE);
        ps_unmap((void *)(uintptr_t)at);
        return took;
    }
    redisAppendCommand(native, "GET %s", key);
    got = reply(LARGE);
    took = since(took);
    freeReplyObject(got);
    return took;
}

static double lazy_ms(const struct pair *pair)
{
    return pair->first.wall / 1e6;
}

static double native_ms(const struct pair *pair)
{
    return pair->second.wall / 1e6;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        struct took (*measure)(int number, bool is_lazy);
        size_t size;
    } jobs[] = {{"touch", touch, SMALL},
                {"part", part, HUGE_},
                {"put", put_large, LARGE},
                {"all", get_large, LARGE}};
    struct ps_error err = {0};
    struct pairs pairs = {0};
    char url[256];

    if (argc != 4)
        stop("usage: redis SOCKET touch|part|put|all TIMES", NULL);
    snprintf(url, sizeof(url), "redis://%s", argv[1]);
    native = redisConnectUnix(argv[1]);
    if (native == NULL || native->err)
        stop("no server", NULL);
    if (ps_store_open(&store, url, &err) < 0)
        stop("open", &err);
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        if (strcmp(jobs[i].name, argv[2]) != 0)
            continue;
        fill(jobs[i].size);
        pairs.pair = allocate((size_t)atoi(argv[3]), sizeof(*pairs.pair));
        for (int turn = 0; turn < atoi(argv[3]); turn++) {
            struct took lazy = jobs[i].measure(2 * turn, true);
            struct took direct = jobs[i].measure(2 * turn + 1, false);

            if (turn > 0) /* the first connects */
                pairs.pair[pairs.count++] = (struct pair){lazy, direct};
        }
    }
    if (pairs.count == 0)
        stop("no such job, or too few times", NULL);
    print_figure(&pairs, "lazy", lazy_ms);
    print_figure(&pairs, "native", native_ms);
    printf("pairs=%zu\n", pairs.count);
    return 0;
}

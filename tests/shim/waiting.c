/*
 * waiting.c: calls that wait for a slow store, and what else happens meanwhile
 *
 * A signal handler reads another proxy, or leaves the call for good; another
 * thread goes on with another store.
 *
 * run: link
 */
#include "check.h"

#include <pthread.h>
#include <ps/ps.h>
#include <stdatomic.h>
#include <sys/time.h>

static int fd;
static volatile sig_atomic_t reads;
static sigjmp_buf out;

static void alarm_in(int ms)
{
    struct itimerval timer = {{0, 0}, {0, ms * 1000}};

    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void read_in_handler(int number)
{
    unsigned char bytes[100];

    (void)number;
    CHECK(pread(fd, bytes, sizeof(bytes), 300000) == sizeof(bytes));
    BYTES(bytes, sizeof(bytes), 300000);
    reads++;
}

/* The object of px("slower"), by its store: a get of it takes 0.4 s. */
static void handler_reads_during_get(void)
{
    struct ps_error err = {0};
    struct ps_store *store;
    struct ps_proxy proxy;
    char key[sizeof(proxy.object)], url[2 * sizeof(proxy.object)];
    char *slash, *options;
    void *bytes;
    size_t size;

    fd = open_px("small");
    CHECK(ps_proxy_read(&proxy, px("slower"), &err) == 0);
    options = strchr(proxy.object, '?');
    *options++ = '\0';
    slash = strrchr(proxy.object, '/');
    strcpy(key, slash + 1);
    *slash = '\0';
    snprintf(url, sizeof(url), "%s?%s", proxy.object, options);
    CHECK(ps_store_open(&store, url, &err) == 0);
    signal(SIGALRM, read_in_handler);
    alarm_in(100);
    CHECK(ps_store_get(store, key, &bytes, &size, &err) == 0);
    CHECK(reads == 1 && size == SMALL);
    BYTES(bytes, size, 0);
    ps_store_close(store);
}

static void handler_reads_during_touch(void)
{
    unsigned char *map = map_px("slower", SMALL, PROT_READ, MAP_PRIVATE);

    fd = open_px("small");
    signal(SIGALRM, read_in_handler);
    alarm_in(100);
    BYTES(map + 500000, 100, 500000);
    CHECK(reads == 1);
}

static void leave(int number)
{
    (void)number;
    siglongjmp(out, 1);
}

/* What stands where the call's frames were must stay as it is. */
static void stand_still(void)
{
    volatile unsigned char mine[16384];

    for (size_t i = 0; i < sizeof(mine); i++)
        mine[i] = 0x5a;
    usleep(700000);
    for (size_t i = 0; i < sizeof(mine); i++)
        CHECK(mine[i] == 0x5a);
}

/* Without a version the store is asked at the open, which takes 0.4 s. */
static void jump_out_of_open(void)
{
    struct ps_error err = {0};
    struct ps_proxy proxy;
    char path[1024];

    strcpy(path, tmp("unsized"));
    CHECK(ps_proxy_read(&proxy, px("slower"), &err) == 0);
    proxy.version[0] = '\0';
    CHECK(ps_proxy_write(&proxy, path, &err) == 0);
    signal(SIGALRM, leave);
    if (sigsetjmp(out, 1) == 0) {
        alarm_in(100);
        open(path, O_RDONLY);
        FAIL("the open took no time");
    }
    stand_still();
    fd = open_px("small");
    read_in_handler(0);
}

static void jump_out_of_pread(void)
{
    unsigned char byte, *map = ps_lazy_map(px("slower"), NULL, NULL, NULL);

    fd = open_px("slower");
    signal(SIGALRM, leave);
    if (sigsetjmp(out, 1) == 0) {
        alarm_in(100);
        (void)!pread(fd, &byte, 1, 600000);
        FAIL("the read took no time");
    }
    stand_still();
    CHECK(pread(fd, &byte, 1, 600000) == 1 && byte == byte_at(600000));
    CHECK(ps_evict(map, 0, 0, NULL) >= PAGE);
}

static atomic_int slow_done;

static void *read_slower(void *unused)
{
    unsigned char byte;
    int slow = open_px("slower");

    CHECK(pread(slow, &byte, 1, 0) == 1);
    atomic_store(&slow_done, 1);
    return unused;
}

static void others_go_on(void)
{
    unsigned char bytes[100];
    pthread_t thread;

    fd = open_px("small");
    CHECK(pthread_create(&thread, NULL, read_slower, NULL) == 0);
    usleep(100000);
    CHECK(pread(fd, bytes, sizeof(bytes), 700000) == sizeof(bytes));
    BYTES(bytes, sizeof(bytes), 700000);
    CHECK(atomic_load(&slow_done) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

int main(void)
{
    static const struct check_case cases[] = {
        CASE(handler_reads_during_get), CASE(handler_reads_during_touch), CASE(jump_out_of_open),
        CASE(jump_out_of_pread), CASE(others_go_on)};

    return CASES(cases, NULL);
}

/* backends_wrap.c: the delay and fail wrappers, and what only the memory backend does */
#include <criterion/criterion.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

#include "../../backends/memory/computed.h"
#include "backends_help.h"

static double seconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* --- memory --------------------------------------------------------------------------- */

Test(memory, handles_of_one_name_share_objects)
{
    struct ps_object_info info;
    struct place p, same, other;

    open_place(&p, "memory://a");
    open_place(&same, "memory://a/");
    open_place(&other, "memory://b");
    cr_assert_eq(put(&p, "k", 10, 1, &info), 0);
    close_place(&p);
    expect_bytes(&same, "k", &info, 10, 0, 1);
    cr_assert_eq(other.b->exists(other.h, "k", &other.err), 0);
    close_place(&same);
    close_place(&other);
}

Test(memory, a_child_has_its_own_copy)
{
    struct ps_object_info info, child_info;
    struct place p;
    int status;
    pid_t child;

    open_place(&p, "memory://a");
    cr_assert_eq(put(&p, "k", 10, 1, &info), 0);
    child = fork();
    if (child == 0) {
        unsigned char buffer[10];
        int good = read_some(&p, "k", &info, buffer, 10, 0) == 0 &&
                   put(&p, "k", 10, 2, &child_info) == 0 &&
                   strcmp(info.version, child_info.version) != 0;
        _exit(good ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    expect_bytes(&p, "k", &info, 10, 0, 1);
    close_place(&p);
}

Test(memory, computed_objects)
{
    static const uint64_t offsets[] = {
        0, 1, 7, 8, 4095, UINT64_C(1) << 40, (UINT64_C(1) << 62) - 3000};
    struct ps_object_info info;
    unsigned char buffer[3000];
    struct place p;

    open_place(&p, "memory://big?computed=4194304T");
    cr_assert_eq(p.b->stat(p.h, "any", &info, &p.err), 0);
    cr_assert_eq(info.size, UINT64_C(1) << 62);
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
        for (size_t size = 0; size <= sizeof(buffer); size += 1 + size / 3) {
            cr_assert_eq(read_some(&p, "any", &info, buffer, size, offsets[i]), 0);
            for (size_t j = 0; j < size; j++)
                cr_assert(buffer[j] == ps_computed_byte(offsets[i] + j) && buffer[j] != 0);
        }
    expect_code(&p, put(&p, "k", 1, 0, &info), PS_E_UNSUPPORTED);
    p.b->close(p.h);
    expect_code(&p, try_place(&p, "memory://big?computed=4194305T"), PS_E_INVALID);
    expect_code(&p, try_place(&p, "memory://big?computed=x"), PS_E_INVALID);
    p.h = NULL;
    close_place(&p);
}

/* The formula itself, byte by byte, so that the fast one can't drift from its comment. */
Test(memory, computed_bytes_are_never_zero)
{
    for (uint64_t i = 0; i < 1000000; i++) {
        uint64_t w = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

        w = (w ^ w >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        w = (w ^ w >> 27) * UINT64_C(0x94d049bb133111eb);
        w ^= w >> 31;
        for (unsigned j = 0; j < 8; j++) {
            unsigned b = w >> 8 * j & 255;

            cr_assert_eq(ps_computed_byte(8 * i + j), b ? b : 1);
        }
    }
}

/* --- delay ------------------------------------------------------------------------------ */

Test(delay, a_request_waits_its_latency)
{
    struct ps_object_info info;
    struct place p;
    double start;
    char byte;

    open_place(&p, "delay+memory://d?delay.latency=20ms&computed=1M");
    start = seconds();
    cr_assert_eq(p.b->stat(p.h, "k", &info, &p.err), 0);
    cr_assert_eq(read_some(&p, "k", &info, &byte, 1, 0), 0);
    cr_assert_eq(p.b->exists(p.h, "k", &p.err), 1);
    cr_assert_geq(seconds() - start, 0.060);
    close_place(&p);
}

struct reader {
    pthread_t thread;
    struct place place;
    struct ps_object_info info;
    size_t size;
    int result;
};

static void *read_once(void *argument)
{
    struct reader *r = argument;
    char *buffer = malloc(r->size);

    r->result = read_some(&r->place, "k", &r->info, buffer, r->size, 0);
    free(buffer);
    return NULL;
}

/* How long eight reads at once take. */
static double read_together(struct place *p, size_t size)
{
    struct reader readers[8];
    struct ps_object_info info;
    double start;

    cr_assert_eq(p->b->stat(p->h, "k", &info, &p->err), 0);
    start = seconds();
    for (int i = 0; i < 8; i++) {
        readers[i] = (struct reader){.place = *p, .info = info, .size = size};
        cr_assert_eq(pthread_create(&readers[i].thread, NULL, read_once, &readers[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(readers[i].thread, NULL);
        cr_assert_eq(readers[i].result, 0);
    }
    return seconds() - start;
}

Test(delay, latencies_overlap_and_the_link_is_shared)
{
    struct place p;
    double time;

    open_place(&p, "delay+memory://d?delay.latency=200ms&delay.bandwidth=1T&computed=1M");
    time = read_together(&p, 1);
    cr_assert_geq(time, 0.2);
    cr_assert_lt(time, 8 * 0.2, "latencies add up");
    close_place(&p);
    open_place(&p, "delay+memory://d?delay.latency=0&delay.bandwidth=4M&computed=1M");
    time = read_together(&p, 64 << 10);
    cr_assert_geq(time, 8 * 64.0 / 4096);
    close_place(&p);
}

Test(delay, options)
{
    struct place p = {0};

    expect_code(&p, try_place(&p, "delay+memory://d?delay.latency=fast"), PS_E_INVALID);
    expect_code(&p, try_place(&p, "delay+memory://d?delay.bandwidth=0"), PS_E_INVALID);
    /* who reads a stranger's proxy must not wait for ever */
    expect_code(&p, try_place(&p, "delay+memory://d?delay.latency=61s"), PS_E_INVALID);
    expect_code(&p, try_place(&p, "delay+memory://d?delay.bandwidth=17K"), PS_E_INVALID);
    expect_code(&p, try_place(&p, "delay+delay+memory://d"), PS_E_INVALID);
    expect_code(&p, try_place(&p, "delay+memory://d?delay.speed=1"), PS_E_INVALID);
    expect_code(&p, try_place(&p, "delay+"), PS_E_INVALID);
    cr_assert_eq(try_place(&p, "delay+memory://d"), 0, "%s", p.err.message);
    cr_assert_null(p.b->descriptor);
    close_place(&p);
}

/* --- fail -------------------------------------------------------------------------------- */

/* Opens fail+memory with 1000 bytes of content 4 under "k". */
static void open_failing(struct place *p, struct ps_object_info *info, const char *url)
{
    struct place plain;

    open_place(&plain, "memory://f");
    cr_assert_eq(put(&plain, "k", 1000, 4, info), 0);
    close_place(&plain);
    open_place(p, url);
}

Test(fail, every)
{
    struct ps_object_info info;
    struct place p;
    char byte;

    open_failing(&p, &info, "fail+memory://f?fail.every=3");
    for (int i = 1; i < 10; i++)
        cr_assert_eq(read_some(&p, "k", &info, &byte, 1, 0), i % 3 ? 0 : PS_E_UNAVAILABLE);
    cr_assert(strstr(p.err.message, "'k'"), "%s", p.err.message);
    close_place(&p);
}

Test(fail, after)
{
    struct ps_object_info info;
    struct place p;
    char buffer[16];

    open_failing(&p, &info, "fail+memory://f?fail.after=500&fail.mode=stale");
    expect_bytes(&p, "k", &info, 500, 0, 4);
    expect_code(&p, p.b->read(p.h, "k", &info, buffer, 2, 499, &p.err), PS_E_STALE);
    expect_code(&p, p.b->read(p.h, "k", &info, buffer, 1, 999, &p.err), PS_E_STALE);
    expect_bytes(&p, "k", &info, 1, 499, 4);
    close_place(&p);
}

Test(fail, short_reads_are_corrupt)
{
    struct ps_object_info info;
    struct place p;
    unsigned char buffer[100];

    open_failing(&p, &info, "fail+memory://f?fail.mode=short");
    memset(buffer, 0, sizeof(buffer));
    expect_code(&p, p.b->read(p.h, "k", &info, buffer, 100, 0, &p.err), PS_E_CORRUPT);
    cr_assert_eq(first_wrong(buffer, 100, 0, 4), 50);
    close_place(&p);
}

Test(fail, wrong_length_is_believed_up_to_the_last_byte)
{
    struct ps_object_info info, lie;
    struct place p;
    char byte;

    open_failing(&p, &info, "fail+memory://f?fail.mode=wrong-length");
    cr_assert_eq(p.b->stat(p.h, "k", &lie, &p.err), 0);
    cr_assert_eq(lie.size, info.size + 1);
    expect_bytes(&p, "k", &lie, 1000, 0, 4);
    expect_code(&p, p.b->read(p.h, "k", &lie, &byte, 1, 1000, &p.err), PS_E_CORRUPT);
    close_place(&p);
}

Test(fail, stall_answers_late)
{
    struct ps_object_info info;
    struct place p;
    double start;

    open_failing(&p, &info, "fail+memory://f?fail.mode=stall&fail.stall=50ms&fail.every=2");
    expect_bytes(&p, "k", &info, 1000, 0, 4);
    start = seconds();
    expect_bytes(&p, "k", &info, 1000, 0, 4);
    cr_assert_geq(seconds() - start, 0.05);
    close_place(&p);
}

Test(fail, while_a_file_exists)
{
    struct ps_object_info info;
    struct place p, room;
    char path[96], byte;

    make_folder(&room);
    snprintf(path, sizeof(path), "%s/broken", room.folder);
    setenv("PS_FAIL_WHILE", path, 1);
    open_failing(&p, &info, "fail+memory://f?fail.mode=error");
    expect_bytes(&p, "k", &info, 1000, 0, 4);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    expect_code(&p, p.b->read(p.h, "k", &info, &byte, 1, 0, &p.err), PS_E_UNAVAILABLE);
    unlink(path);
    expect_bytes(&p, "k", &info, 1000, 0, 4);
    close_place(&p);
    close_place(&room);
}

Test(fail, options)
{
    struct place p = {0};

    expect_code(&p, try_place(&p, "fail+memory://f?fail.mode=odd"), PS_E_INVALID);
    expect_code(&p, try_place(&p, "fail+memory://f?fail.every=0"), PS_E_INVALID);
    expect_code(&p, try_place(&p, "fail+memory://f?fail.after=x"), PS_E_INVALID);
    expect_code(&p, try_place(&p, "fail+memory://f?fail.stall=x"), PS_E_INVALID);
    expect_code(&p, try_place(&p, "fail+memory://f?fail.stall=61s"), PS_E_INVALID);
    expect_code(&p, try_place(&p, "fail+delay+fail+memory://f"), PS_E_INVALID);
    /* a proxy must not ask which files its reader has */
    expect_code(&p, try_place(&p, "fail+memory://f?fail.while=/etc/shadow"), PS_E_INVALID);
    close_place(&p);
}

/* --- what wrappers hand on --------------------------------------------------------------- */

/* Descriptors of files whose paths begin so, below the test's folder */
static int count_open(const struct place *p, const char *below)
{
    char link[512], wanted[256];
    DIR *fds = opendir("/proc/self/fd");
    int count = 0;

    cr_assert_not_null(fds);
    snprintf(wanted, sizeof(wanted), "%s/%s", p->folder, below);
    for (struct dirent *each; (each = readdir(fds)) != NULL;) {
        ssize_t length = readlinkat(dirfd(fds), each->d_name, link, sizeof(link) - 1);

        link[length > 0 ? length : 0] = '\0';
        count += strncmp(link, wanted, strlen(wanted)) == 0;
    }
    closedir(fds);
    return count;
}

Test(wrap, forget_and_distrust_reach_the_cache_behind)
{
    static const char object[] = "libps-????????????????*"; /* and not what counts them */
    struct ps_object_info info;
    struct place p;

    make_folder(&p);
    setenv("PS_TRACE", path_in(&p, "trace"), 1);
    cr_assert_eq(try_place(&p, "trace+delay+fail+retry+cache+file://%s/store"), 0);
    cr_assert_eq(put(&p, "k", 10000, 1, &info), 0);
    expect_bytes(&p, "k", &info, 10000, 0, 1);
    cr_expect_eq(count_files(&p, object), 1);
    cr_assert_not_null(p.b->distrust);
    p.b->distrust(p.h, "k", &info);
    cr_expect_eq(count_files(&p, object), 0);
    cr_expect_gt(count_open(&p, "cache"), 0);
    cr_assert_not_null(p.b->forget);
    p.b->forget(p.h);
    cr_expect_eq(count_open(&p, "cache"), 0);
    close_place(&p);
}

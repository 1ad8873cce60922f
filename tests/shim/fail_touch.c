/*
 * fail_touch.c: a touch that can't be served is SIGBUS at its address and one line
 *
 * run: link memcheck
 */
#include "own_store.h"

#include <time.h>

#include <sys/socket.h>
#include <sys/uio.h>

static unsigned char *lazy(const char *name)
{
    struct ps_error err = {0};
    unsigned char *at = ps_lazy_map(px(name), NULL, NULL, &err);

    if (at == NULL)
        FAIL("%s", err.message);
    return at;
}

static volatile unsigned char seen;

static void with_handler(void)
{
    unsigned char *at;
    struct ps_error err = {0};

    hear();
    catch_faults(SIGBUS);
    at = lazy("error");
    turn(1);
    CHECK(FAULT(seen = *(volatile unsigned char *)(at + 500123)) == SIGBUS);
    CHECK(fault_address == at + 500123);
    heard_one("error", "bytes 499712 to 503808", "touched at", "on purpose", NULL);
    /* again: the same, and nothing more is said */
    CHECK(FAULT(seen = *(volatile unsigned char *)(at + 500124)) == SIGBUS);
    CHECK(fault_address == at + 500124);
    heard_one("error", NULL);
    CHECK(ps_resolve(at, 500000, 10, &err) < 0 && strstr(err.message, "on purpose") != NULL);
    turn(0);
    if (ps_resolve(at, 500000, 1000, &err) != 0)
        FAIL("%s", err.message);
    BYTES(at + 500000, 1000, 500000);
    BYTES(at, SMALL, 0);
}

__attribute__((noinline)) static unsigned char look_at(const volatile unsigned char *byte)
{
    return *byte;
}

/* Where it was touched is in the line, as addr2line takes it. */
static void names_the_place(void)
{
    unsigned char *at;

    hear();
    catch_faults(SIGBUS);
    at = lazy("error");
    turn(1);
    CHECK(FAULT(seen = look_at(at + 500123)) == SIGBUS);
    heard_one("error", "touched at", " by the instruction at 0x", " (fail_touch+0x", NULL);
}

static void writing(void)
{
    unsigned char *at;

    hear();
    catch_faults(SIGBUS);
    at = lazy("error");
    turn(1);
    CHECK(FAULT(*(volatile unsigned char *)(at + 300123) = 5) == SIGBUS);
    CHECK(fault_address == at + 300123);
    heard_one("error", "bytes 299008 to 303104", NULL);
    turn(0);
    CHECK(ps_resolve(at, 0, 0, NULL) == 0);
    at[300123] = 9;
    CHECK(at[300123] == 9);
    BYTES(at + 299008, 1115, 299008);
}

/* Whoever touches it, the program's code or the kernel, no byte of it comes. */
static void given_to_calls(void)
{
    unsigned char *at;
    int fd = open(tmp("out"), O_RDWR | O_CREAT | O_TRUNC, 0600), pair[2];
    struct iovec parts[2] = {{"abc", 3}, {NULL, 100}};
    struct msghdr message = {.msg_iov = &parts[1], .msg_iovlen = 1};
    void *volatile nowhere = (void *)8;

    hear();
    CHECK(fd >= 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    at = lazy("error");
    parts[1].iov_base = at + 700000;
    turn(1);
    FAILS(write(fd, at + 500000, 10), EIO);
    FAILS(pwrite(fd, at + 600000, 10, 0), EIO);
    FAILS(writev(fd, parts + 1, 1), EIO);
    FAILS(send(pair[0], at + 800000, 10, 0), EIO);
    FAILS(sendmsg(pair[0], &message, 0), EIO);
    if (!in_valgrind())
        FAILS(write(fd, nowhere, 10), EFAULT);
    turn(0);
    CHECK(ps_resolve(at, 0, 0, NULL) == 0);
    CHECK(write(fd, at + 500000, 10) == 10 && writev(fd, parts, 2) == 103);
    if (!in_valgrind())
        FAILS(writev(fd, nowhere, 1), EFAULT);
}

static void without_handler(void)
{
    unsigned char *at;
    int status;
    pid_t child;

    hear();
    at = lazy("error");
    turn(1);
    child = fork();
    if (child == 0) {
        time_limit(5);
        seen = *(volatile unsigned char *)(at + 100000);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGBUS)
        FAIL("ended with 0x%x, not by SIGBUS", status);
    heard_one("error", NULL);
    turn(0);
    BYTES(at + 100000, PAGE, 100000);
}

/* A stream that can't write what it is given says so, as for any failed write. */
static void written_by_stream(void)
{
    unsigned char *at;
    FILE *out;

    hear();
    at = map_px("error", SMALL, PROT_READ, MAP_PRIVATE);
    turn(1);
    out = fopen(tmp("out"), "w");
    CHECK(out != NULL && setvbuf(out, NULL, _IONBF, 0) == 0);
    CHECK(fwrite(at + 40960, 1, 65536, out) < 65536);
    CHECK(ferror(out));
    turn(0);
    CHECK(fclose(out) == 0);
}

/* More failed pages than anybody wants to remember; all must be had again. */
static void many(void)
{
    unsigned char *at;
    volatile int bus = 0;

    hear();
    catch_faults(SIGBUS);
    at = lazy("error");
    turn(1);
    for (size_t page = 0; page < SMALL; page += PAGE)
        bus += FAULT(seen = *(volatile unsigned char *)(at + page)) == SIGBUS;
    CHECK(bus == (SMALL + PAGE - 1) / PAGE);
    turn(0);
    CHECK(ps_resolve(at, 0, 0, NULL) == 0);
    BYTES(at, SMALL, 0);
}

static void many_large(void)
{
    unsigned char *first, *second;

    hear();
    catch_faults(SIGBUS);
    first = lazy("error");
    second = lazy("error");
    turn(1);
    for (size_t page = 0; page < SMALL; page += PAGE) {
        CHECK(FAULT(seen = *(volatile unsigned char *)(first + page)) == SIGBUS);
        CHECK(FAULT(seen = *(volatile unsigned char *)(second + page)) == SIGBUS);
    }
    turn(0);
    CHECK(ps_resolve(first, 0, 0, NULL) == 0);
    BYTES(first, SMALL, 0);
    BYTES(second, SMALL, 0);
}

/* A page failed in the child; the parent fetches it; then the child has it too. */
static void other_process(void)
{
    unsigned char *at;
    int to_parent[2], to_child[2];
    pid_t child;
    char byte;

    hear();
    at = lazy("error");
    CHECK(pipe(to_parent) == 0 && pipe(to_child) == 0);
    turn(1);
    child = fork();
    if (child == 0) {
        time_limit(5);
        catch_faults(SIGBUS);
        CHECK(FAULT(seen = *(volatile unsigned char *)(at + 5 * PAGE)) == SIGBUS);
        CHECK(write(to_parent[1], "x", 1) == 1 && read(to_child[0], &byte, 1) == 1);
        CHECK(ps_resolve(at, 0, 0, NULL) == 0);
        BYTES(at, SMALL, 0);
        _exit(0);
    }
    CHECK(read(to_parent[0], &byte, 1) == 1);
    turn(0);
    CHECK(ps_resolve(at, 0, 0, NULL) == 0);
    CHECK(write(to_child[1], "x", 1) == 1);
    reap(child);
    BYTES(at, SMALL, 0);
}

/* Whether the byte can be touched again; the limit is the alarm. */
static void until_here(volatile unsigned char *byte)
{
    while (FAULT(seen = *byte) != 0)
        usleep(10000);
}

/* Nobody asks for it by another way: the touch itself tries again, once the cause is gone. */
static void recovers(void)
{
    unsigned char *at;

    hear();
    catch_faults(SIGBUS);
    at = lazy("error");
    turn(1);
    CHECK(FAULT(seen = *(volatile unsigned char *)(at + 300123)) == SIGBUS);
    CHECK(FAULT(*(volatile unsigned char *)(at + 80 * PAGE) = 5) == SIGBUS);
    turn(0);
    until_here(at + 300123);
    until_here(at + 80 * PAGE);
    BYTES(at, SMALL, 0);
    at[300123] = 9;
    sleep(2); /* what failed once, and was written since, stays as it is */
    CHECK(at[300123] == 9);
    BYTES(at, 300123, 0);
}

/* While the store is away each touch fails, also those that try again. */
static void stays_away(void)
{
    time_t begin = time(NULL);
    unsigned char *at;

    hear();
    catch_faults(SIGBUS);
    at = lazy("error");
    turn(1);
    while (time(NULL) < begin + 4) {
        CHECK(FAULT(seen = *(volatile unsigned char *)(at + 5 * PAGE)) == SIGBUS);
        usleep(10000);
    }
    heard_one("error", "bytes 20480 to 24576", NULL);
    turn(0);
    until_here(at + 5 * PAGE);
    BYTES(at, SMALL, 0);
}

/* Two seconds after a page failed, what the program has there by now is its own. */
static void replaced_meanwhile(void)
{
    unsigned char *at, *own;

    hear();
    catch_faults(SIGBUS);
    at = lazy("error");
    turn(1);
    for (int page = 5; page < 9; page++)
        CHECK(FAULT(seen = *(volatile unsigned char *)(at + page * PAGE)) == SIGBUS);
    CHECK(munmap(at + 5 * PAGE, PAGE) == 0);
    own = mmap(at + 5 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(own == at + 5 * PAGE);
    memset(own, 7, 2 * PAGE);
    turn(0);
    until_here(at + 7 * PAGE);
    until_here(at + 8 * PAGE); /* it failed later, and stays so for longer */
    for (int i = 0; i < 2 * PAGE; i++)
        CHECK(own[i] == 7);
    BYTES(at + 7 * PAGE, SMALL - 7 * PAGE, 7 * PAGE);
}

/* A child's touch of what failed in its parent tries for itself. */
static void failed_before_fork(void)
{
    unsigned char *at;
    pid_t child;

    hear();
    catch_faults(SIGBUS);
    at = lazy("error");
    turn(1);
    CHECK(FAULT(seen = *(volatile unsigned char *)(at + 5 * PAGE)) == SIGBUS);
    turn(0);
    at[0] = at[0]; /* a page of its own, so that the child's page tables are copies */
    child = fork();
    if (child == 0) {
        time_limit(8);
        BYTES(at, SMALL, 0);
        at[5 * PAGE] = 9;
        sleep(2);
        CHECK(at[5 * PAGE] == 9);
        _exit(0);
    }
    reap(child);
    BYTES(at, SMALL, 0);
}

/* A failed page that mremap moves is healed at its new place. */
static void moved(void)
{
    unsigned char *at, *to = mmap(NULL, SMALL, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    hear();
    catch_faults(SIGBUS);
    at = lazy("error");
    turn(1);
    CHECK(FAULT(seen = *(volatile unsigned char *)(at + 5 * PAGE)) == SIGBUS);
    turn(0);
    if (mremap(at, SMALL, SMALL, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED) {
        /* segv: before Linux 6.17, and in valgrind, it is more than one mapping to move */
        CHECK(errno == (in_valgrind() ? EINVAL : EFAULT));
        to = at;
    }
    CHECK(ps_resolve(to, 0, 0, NULL) == 0);
    BYTES(to, SMALL, 0);
}

static void prefetch_fails(void)
{
    unsigned char *at;

    hear();
    catch_faults(SIGBUS);
    at = lazy("error");
    turn(1);
    CHECK(ps_prefetch(at, 0, 0, NULL) == 0);
    usleep(100000);
    CHECK(FAULT(seen = *(volatile unsigned char *)(at + 5)) == SIGBUS);
    heard_one("error", NULL);
    turn(0);
    BYTES(at + 300 * 1000, 100, 300 * 1000);
}

static void store_deleted(void)
{
    char command[2000];
    struct ps_error err = {0};
    struct ps_proxy proxy;
    char url[1200], text[PS_URI_MAX];
    unsigned char *at;

    snprintf(url, sizeof(url), "file://%s?direct=0", tmp("mystore"));
    put_own(url, &proxy);
    if (ps_proxy_format(&proxy, text, sizeof(text), &err) != 0)
        FAIL("%s", err.message);
    hear();
    catch_faults(SIGBUS);
    at = ps_lazy_map(text, NULL, NULL, &err);
    if (at == NULL)
        FAIL("%s", err.message);
    BYTES(at, PAGE, 0);
    snprintf(command, sizeof(command), "rm -r '%s'", tmp("mystore"));
    CHECK(system(command) == 0);
    CHECK(FAULT(seen = *(volatile unsigned char *)(at + SMALL / 2)) == SIGBUS);
    CHECK(fault_address == at + SMALL / 2);
    heard_one("mystore", NULL);
    BYTES(at, PAGE, 0);
}

static void bad_maps(void)
{
    struct ps_error err = {0};

    CHECK(ps_lazy_map(px("refused"), NULL, NULL, &err) == NULL && err.code == PS_E_REFUSED);
    CHECK(ps_lazy_map(px("nothing"), NULL, NULL, &err) == NULL && err.code == PS_E_NOT_FOUND);
    CHECK(ps_lazy_map(data("small"), NULL, NULL, &err) == NULL && err.code == PS_E_INVALID);
    /* a proxy with size and version is believed until the first touch */
    hear();
    catch_faults(SIGBUS);
    for (int i = 0; i < 2; i++) {
        unsigned char *at = ps_lazy_map(px(i ? "gone" : "changed"), NULL, NULL, &err);
        if (at == NULL)
            CHECK(err.code == (i ? PS_E_NOT_FOUND : PS_E_STALE) && err.message[0] != '\0');
        else
            CHECK(FAULT(seen = *(volatile unsigned char *)at) == SIGBUS);
    }
}

int main(void)
{
    const struct check_case cases[] = {{with_handler, "handler"},
                                       {names_the_place, "names the place"},
                                       {writing, "write"},
                                       {given_to_calls, "given to calls"},
                                       {without_handler, "no handler"},
                                       {many, "257 failed pages"},
                                       {many_large, "514 failed pages"},
                                       {other_process, "healed by another process"},
                                       {recovers, "recovers"},
                                       {stays_away, "stays away"},
                                       {replaced_meanwhile, "replaced meanwhile"},
                                       {failed_before_fork, "failed before a fork"},
                                       {moved, "moved"},
                                       {written_by_stream, "written by a stream"},
                                       {prefetch_fails, "prefetch"},
                                       {store_deleted, "store deleted"},
                                       {bad_maps, "bad maps"}};

    return CASES(cases, flag_off);
}

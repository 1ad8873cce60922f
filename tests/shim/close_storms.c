/*
 * close_storms.c: programs that close everything do not close what libps lives on
 *
 * A close of the userfaultfd makes every page that is not here yet one of
 * zeros. RAW=1: closed by system calls that libps does not see.
 *
 * run: raw
 */
#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static unsigned char piece[PAGE];

static void one_by_one(void)
{
    for (int fd = 3; fd < 65536; fd++)
        if (is_raw())
            raw_call(SYS_close, fd, 0, 0, 0, 0, 0);
        else
            close(fd);
}

static void with_closefrom(void)
{
    closefrom(3);
}

static void with_close_range(void)
{
    CHECK(close_range(3, ~0U, 0) == 0);
}

static void with_syscall(void)
{
    CHECK(syscall(SYS_close_range, 3, ~0U, 0) == 0);
}

static void on_exec(void)
{
    CHECK(close_range(3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */) == 0);
}

/* A sandbox without close_range: one by one */
static void refused(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    int low = open("/dev/null", O_RDONLY), high = fcntl(low, F_DUPFD, 1000);

    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    closefrom(3);
    FAILS(fcntl(low, F_GETFD), EBADF);
    FAILS(fcntl(high, F_GETFD), EBADF);
}

static void *close_own(void *first)
{
    CHECK(close_range(*(unsigned *)first, ~0U, 2 /* CLOSE_RANGE_UNSHARE */) == 0);
    return NULL;
}

/* A thread that makes its descriptors its own first closes none of the others'. */
static void unshared(void)
{
    unsigned first = 3;
    pthread_t thread;
    int last;

    while (first < 65536 && (dup2(0, (int)first) >= 0 || errno != EBUSY))
        first++; /* to the first of libps's own */
    for (last = (int)first + 1; dup2(0, last) != last; last++)
        CHECK(last < (int)first + 50);
    CHECK(pthread_create(&thread, NULL, close_own, &first) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(fcntl(last, F_GETFD) >= 0);
    with_close_range();
}

/* The few numbers that libps lives on are refused, all others are had. */
static void high_numbers(void)
{
    struct rlimit limit;
    int refused = 0;

    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    for (int fd = 3; fd < (int)limit.rlim_cur && fd < 65536; fd++)
        if (dup2(0, fd) != fd) {
            CHECK(errno == EBUSY && fd > (int)limit.rlim_cur / 2);
            refused++;
        }
    CHECK(refused > 0 && refused < 32);
}

static void storm(void (*close_all)(void))
{
    unsigned char *private = map_px("small", SMALL, PROT_READ, MAP_PRIVATE);
    unsigned char *shared = map_px("page+1", PAGE + 1, PROT_READ, MAP_SHARED);
    int fd;

    BYTES(private, PAGE, 0);
    time_limit(8);
    close_all();
    BYTES(private + SMALL / 2, SMALL / 4, SMALL / 2);
    BYTES(shared, PAGE + 1, 0);
    fd = open(px("small"), O_RDONLY);
    if (fd < 0 && errno == EMFILE) {
        for (fd = 3; fd < 20; fd++) /* an object that is opened anew needs some */
            close(fd);
        fd = open_px("small");
    }
    CHECK(fd >= 0);
    CHECK(pread(fd, piece, PAGE, SMALL - PAGE) == PAGE);
    BYTES(piece, PAGE, SMALL - PAGE);
    fd = open_px("page");
    CHECK(read(fd, piece, PAGE) == PAGE);
    BYTES(piece, PAGE, 0);
}

int main(void)
{
    struct {
        void (*run)(void);
        const char *name;
    } storms[] = {{one_by_one, "close"},
                  {with_closefrom, "closefrom"},
                  {with_close_range, "close_range"},
                  {with_syscall, "SYS_close_range"},
                  {on_exec, "CLOSE_RANGE_CLOEXEC"},
                  {refused, "closefrom without close_range"},
                  {unshared, "CLOSE_RANGE_UNSHARE"},
                  {high_numbers, "dup2 onto all"}};

    for (size_t i = 0; i < sizeof(storms) / sizeof(storms[0]); i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            storm(storms[i].run);
            _exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child);
        if (status != 0)
            FAIL("%s: 0x%x", storms[i].name, status);
    }
    return 0;
}

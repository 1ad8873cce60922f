/*
 * plain_race.c: a thread that looks at a number while another opens a proxy there
 *
 * It sees the proxy file, and must not put that down when it is the object
 * already. A tracer holds both where that happens: one behind its openat, the
 * other behind its fstat.
 *
 * run: no-asan
 */
#include "check.h"

#include <pthread.h>
#include <sys/ptrace.h>

static struct shared {
    volatile pid_t opener, looker;
    volatile int number, may_open, may_look, opened, looked;
} * shared;

static void until(volatile int *is)
{
    while (!*is)
        usleep(1000);
}

static void *look(void *unused)
{
    struct stat st;

    shared->looker = (pid_t)syscall(SYS_gettid);
    until(&shared->may_look);
    fstat(shared->number, &st);
    shared->looked = 1;
    return unused;
}

static void traced(void)
{
    unsigned char bytes[PAGE];
    pthread_t thread;
    int fd = open("/dev/null", O_RDONLY);

    CHECK(close(open_px("page")) == 0); /* the first proxy is slow */
    CHECK(close(fd) == 0);
    shared->number = fd;
    shared->opener = getpid();
    CHECK(pthread_create(&thread, NULL, look, NULL) == 0);
    until(&shared->may_open);
    CHECK(open_px("small") == fd);
    shared->opened = 1;
    until(&shared->looked);
    CHECK(pread(fd, bytes, PAGE, SMALL / 2) == PAGE);
    BYTES(bytes, PAGE, SMALL / 2);
}

/* Let a stopped thread run until it has made this call that many times, and hold it there. */
static void hold_behind(pid_t thread, uint64_t number, int times)
{
    struct __ptrace_syscall_info call;
    uint64_t entered = 0;
    int status;

    while (times > 0) {
        CHECK(ptrace(PTRACE_SYSCALL, thread, NULL, NULL) == 0);
        CHECK(waitpid(thread, &status, __WALL) == thread && WIFSTOPPED(status));
        CHECK(ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof(call), &call) > 0);
        if (call.op == PTRACE_SYSCALL_INFO_ENTRY)
            entered = call.entry.nr;
        else if (call.op == PTRACE_SYSCALL_INFO_EXIT && entered == number)
            times--;
    }
}

static int seize(pid_t thread)
{
    int status;

    return ptrace(PTRACE_SEIZE, thread, NULL, PTRACE_O_TRACESYSGOOD) == 0 &&
           ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) == 0 &&
           waitpid(thread, &status, __WALL) == thread;
}

int main(void)
{
    pid_t child;

    shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    time_limit(20);
    child = fork();
    if (child == 0) {
        time_limit(20);
        traced();
        _exit(0);
    }
    until(&shared->looker);
    if (!seize(shared->opener) || !seize(shared->looker)) {
        puts("no ptrace here");
        return 77;
    }
    shared->may_open = 1;
    hold_behind(shared->opener, SYS_openat, 1);
    shared->may_look = 1;
    hold_behind(shared->looker, SYS_fstat, 2); /* the program's, then libps's own */
    CHECK(ptrace(PTRACE_DETACH, shared->opener, NULL, NULL) == 0);
    until(&shared->opened);
    CHECK(ptrace(PTRACE_DETACH, shared->looker, NULL, NULL) == 0);
    reap(child);
    return 0;
}

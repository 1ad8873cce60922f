/*
 * filtered.c: in a sandbox, a program that meets no proxy makes no calls but its own and fstat; and
 * what it runs keeps to what a reader of files needs
 *
 * run: no-asan
 */
#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#define ALLOW(number)                                                                              \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void shut_in(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_read),
        ALLOW(SYS_readv),
        ALLOW(SYS_preadv),
        ALLOW(SYS_write),
        ALLOW(SYS_fstat),
        ALLOW(SYS_close),
        ALLOW(SYS_exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void vectors(void)
{
    char bytes[2][10];
    struct iovec parts[2] = {{bytes[0], 10}, {bytes[1], 10}};
    int ends[2], plain = open(data("small"), O_RDONLY);

    CHECK(pipe(ends) == 0 && write(ends[1], "hello", 5) == 5);
    shut_in();
    CHECK(readv(ends[0], parts, 2) == 5); /* what libps has not seen before */
    CHECK(preadv(plain, parts, 2, 5) == 20);
    BYTES(bytes[0], 10, 5);
    CHECK(close(ends[0]) == 0);
}

/* To be killed for what a program that reads files, and runs others, has no use for */
static void forbid_unusual(struct sock_fprog *program)
{
    static struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_userfaultfd, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};

    *program = (struct sock_fprog){sizeof(filter) / sizeof(filter[0]), filter};
}

/* A filter that libps has not seen, as it is this program's parent's: running programs needs but
 * exec */
static void runs_programs(void)
{
    struct sock_fprog program;

    forbid_unusual(&program);
    CHECK(raw_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0) == 0);
    CHECK(raw_call(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (long)&program, 0, 0, 0) == 0);
    CHECK(execl("/bin/true", "true", (char *)NULL) == 0);
}

/* What it runs is told of it, and tells what that runs. */
static void outlives_exec(void)
{
    struct sock_fprog program;

    forbid_unusual(&program);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    CHECK(execl("/proc/self/exe", "filtered", "below", (char *)NULL) == 0);
}

/* By way of a program that has nothing to do with it, in a cleaned environment */
static int below(void)
{
    char *arguments[] = {(char *)"sh", (char *)"-c", (char *)"exec \"$0\" reads", NULL, NULL};
    static char self[1024], folder[1100], home[1100];
    char *environment[] = {folder, home, NULL};

    CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    snprintf(folder, sizeof(folder), "PX=%s", getenv("PX"));
    snprintf(home, sizeof(home), "HOME=%s", getenv("HOME"));
    arguments[3] = self;
    return execve("/bin/sh", arguments, environment);
}

static int reads(void)
{
    char bytes[2][10];
    struct iovec parts[2] = {{bytes[0], 10}, {bytes[1], 10}};
    unsigned char *map = map_px("small", SMALL, PROT_READ, MAP_PRIVATE);

    BYTES(map, SMALL, 0);
    CHECK(readv(open_px("small"), parts, 2) == 20);
    BYTES(bytes[1], 10, 10);
    return 0;
}

int main(int argc, char **argv)
{
    const struct check_case cases[] = {CASE(vectors), CASE(runs_programs), CASE(outlives_exec)};

    if (argc == 2)
        return strcmp(argv[1], "below") == 0 ? below() : reads();
    return CASES(cases, NULL);
}

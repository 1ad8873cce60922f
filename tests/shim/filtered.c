/*
 * filtered.c: in a sandbox, a program that meets no proxy makes no calls but its own and fstat
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

/* A filter that libps has not seen, as it is this program's parent's: running programs needs but
 * exec */
static void runs_programs(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

    CHECK(raw_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0) == 0);
    CHECK(raw_call(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (long)&program, 0, 0, 0) == 0);
    CHECK(execl("/bin/true", "true", (char *)NULL) == 0);
}

int main(void)
{
    const struct check_case cases[] = {CASE(vectors), CASE(runs_programs)};

    return CASES(cases, NULL);
}

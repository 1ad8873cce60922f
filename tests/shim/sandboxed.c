/*
 * sandboxed.c: a program that opens its files, and then allows itself few calls on pain of death
 *
 * libps makes no others in its threads then, but for one: with uffd, it needs
 * ioctl where lazy memory is unmapped.
 *
 * run: no-asan
 */
#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#define ALLOW(number)                                                                              \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void shut_in(int by_syscall)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_read),
        ALLOW(SYS_readv),
        ALLOW(SYS_pread64),
        ALLOW(SYS_preadv),
        ALLOW(SYS_lseek),
        ALLOW(SYS_fstat),
        ALLOW(SYS_newfstatat),
        ALLOW(SYS_mmap),
        ALLOW(SYS_munmap),
        ALLOW(SYS_mprotect),
        ALLOW(SYS_brk),
        ALLOW(SYS_futex),
        ALLOW(SYS_rt_sigprocmask),
        ALLOW(SYS_rt_sigreturn),
        ALLOW(SYS_write),
        ALLOW(SYS_close),
        ALLOW(SYS_flock),
        ALLOW(SYS_ioctl),
        ALLOW(SYS_getpid),
        ALLOW(SYS_gettid),
        ALLOW(SYS_exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (by_syscall)
        CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0);
    else
        CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static unsigned char bytes[SMALL];

static void reads(void)
{
    int fd = open_px("small");

    shut_in(0);
    CHECK(read(fd, bytes, SMALL / 2) == SMALL / 2);
    CHECK(pread(fd, bytes + SMALL / 2, SMALL - SMALL / 2, SMALL / 2) == SMALL - SMALL / 2);
    BYTES(bytes, SMALL, 0);
    CHECK(lseek(fd, 0, SEEK_END) == SMALL && close(fd) == 0);
}

static void vectors(void)
{
    struct iovec parts[2] = {{bytes, 1000}, {bytes + 1000, 5000}};
    int fd = open_px("small");

    shut_in(1);
    CHECK(preadv(fd, parts, 2, 70000) == 6000);
    BYTES(bytes, 6000, 70000);
    CHECK(readv(fd, parts, 2) == 6000);
    BYTES(bytes, 6000, 0);
}

static void slow_store(void)
{
    int fd = open_px("slow");

    shut_in(1);
    CHECK(read(fd, bytes, SMALL) == SMALL);
    BYTES(bytes, SMALL, 0);
}

static void stream(void)
{
    FILE *file = fopen(px("small"), "r");

    CHECK(file != NULL);
    shut_in(0);
    CHECK(fread(bytes, 1, SMALL, file) == SMALL);
    BYTES(bytes, SMALL, 0);
}

static void mapping(void)
{
    unsigned char *at = map_px("small", SMALL, PROT_READ | PROT_WRITE, MAP_PRIVATE);

    shut_in(1);
    BYTES(at, SMALL, 0);
    at[5000] = 1;
    CHECK(munmap(at, SMALL) == 0);
}

static void mapped_later(void)
{
    int fd = open_px("small");
    unsigned char *at;

    shut_in(1);
    at = mmap(NULL, SMALL, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(at != MAP_FAILED);
    BYTES(at, SMALL, 0);
    CHECK(munmap(at, SMALL) == 0);
}

static void lock(void)
{
    int fd = open_px("small"), copy = dup(fd), other = open_px("small");

    shut_in(0);
    CHECK(flock(fd, LOCK_EX) == 0 && flock(copy, LOCK_EX | LOCK_NB) == 0);
    FAILS(flock(other, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    CHECK(close(fd) == 0);
    FAILS(flock(other, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    CHECK(close(copy) == 0 && flock(other, LOCK_SH | LOCK_NB) == 0);
}

int main(void)
{
    const struct check_case cases[] = {CASE(reads),  CASE(vectors), CASE(slow_store),
                                       CASE(stream), CASE(mapping), CASE(mapped_later),
                                       CASE(lock)};

    return CASES(cases, NULL);
}

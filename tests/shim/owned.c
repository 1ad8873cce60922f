/*
 * owned.c: memory that something else watches: the kernel says EBUSY, and SIGSEGV serves it
 *
 * libfabric's monitor of memory may do so. Here a filter of system calls says
 * it, for the memory that is watched after a first map was.
 */
#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

static void refuse_watching(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)UFFDIO_REGISTER, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EBUSY),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void both_show_their_bytes(void)
{
    unsigned char *before = map_px("small", SMALL, PROT_READ | PROT_WRITE, MAP_PRIVATE), *after;

    BYTES(before, PAGE, 0);
    refuse_watching();
    after = map_px("small", SMALL, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    BYTES(after + 50 * PAGE, 20 * PAGE, 50 * PAGE);
    after[3] = 9;
    BYTES(before, SMALL, 0);
    CHECK(after[3] == 9);
    BYTES(after + 4, SMALL - 4, 4);
}

/* What mremap moves must be watched again. */
static void moved(void)
{
    unsigned char *at = map_px("small", SMALL, PROT_READ, MAP_PRIVATE);
    void *to = mmap(NULL, SMALL, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    BYTES(at, PAGE, 0);
    refuse_watching();
    at = mremap(at, SMALL, SMALL, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    CHECK(at == to);
    BYTES(at, SMALL, 0);
}

int main(void)
{
    const struct check_case cases[] = {CASE(both_show_their_bytes), CASE(moved)};

    return CASES(cases, NULL);
}

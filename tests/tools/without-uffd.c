/*
 * without-uffd.c: run a program to which the kernel refuses userfaultfd
 *
 *     without-uffd program [argument...]
 *
 * A seccomp filter makes userfaultfd(2) and USERFAULTFD_IOC_NEW (the ioctl of
 * /dev/userfaultfd) fail with EPERM, as in most containers. It needs no
 * privileges, and holds for all descendants. The filter is tried before the
 * program starts, so that a run that was not refused cannot pass for one.
 * Exit status 125: the filter could not be set up; else the program's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef USERFAULTFD_IOC_NEW /* Linux 6.1 */
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "no seccomp architecture known for this machine"
#endif

#define LOAD(field)              BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define RETURN(what)             BPF_STMT(BPF_RET | BPF_K, (what))

static int fail(const char *what)
{
    fprintf(stderr, "without-uffd: %s: %s\n", what, strerror(errno));
    return 125;
}

/* refused: 1 when neither way to a userfaultfd is open any more */
static int refused(void)
{
    if (syscall(SYS_userfaultfd, O_CLOEXEC) != -1 || errno != EPERM)
        return 0;
    /* The filter sees the request before the kernel sees the descriptor. */
    return ioctl(-1, USERFAULTFD_IOC_NEW, 0) == -1 && errno == EPERM;
}

int main(int argc, char **argv)
{
    /* An ioctl request is an int: the low word of its argument (little endian) is all of it. */
    struct sock_filter code[] = {
        LOAD(arch),
        IF_EQUAL(ARCH, 0, 5),
        LOAD(nr),
        IF_EQUAL(SYS_userfaultfd, 4, 0),
        IF_EQUAL(SYS_ioctl, 0, 2),
        LOAD(args[1]),
        IF_EQUAL((unsigned)USERFAULTFD_IOC_NEW, 1, 0),
        RETURN(SECCOMP_RET_ALLOW),
        RETURN(SECCOMP_RET_ERRNO | EPERM),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

    if (argc < 2) {
        fprintf(stderr, "usage: without-uffd program [argument...]\n");
        return 125;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail("PR_SET_NO_NEW_PRIVS");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
        return fail("PR_SET_SECCOMP");
    if (!refused()) {
        fprintf(stderr, "without-uffd: the filter does not refuse userfaultfd\n");
        return 125;
    }
    execvp(argv[1], argv + 1);
    return fail(argv[1]);
}

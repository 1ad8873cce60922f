/* supervise_filter.c: the filter that tells the supervisor of calls; its rules as a program */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "psctl.h"
#include "supervise.h"

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#endif

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV /* Linux 5.19 */
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

enum { LENGTH_MAX = 512, X32 = 0x40000000, NEGATIVE = (int)0x80000000U };

struct program {
    struct sock_filter at[LENGTH_MAX];
    unsigned short length;
};

static void add(struct program *program, struct sock_filter step)
{
    program->at[program->length++] = step;
}

static void add_load(struct program *program, size_t offset)
{
    add(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

static void add_return(struct program *program, unsigned action)
{
    add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* The low half of an argument: all that counts of an int. Machines are little-endian here. */
static void add_load_argument(struct program *program, int argument)
{
    add_load(program, offsetof(struct seccomp_data, args) + (size_t)argument * 8);
}

/* Unless the test is true, or with `is` 0 false, the call is none for us. */
static void add_need(struct program *program, unsigned test, unsigned value, bool is)
{
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_K | test, value, is, !is));
    add_return(program, SECCOMP_RET_ALLOW);
}

static void add_need_number(struct program *program, int argument)
{
    add_load_argument(program, argument);
    add_need(program, BPF_JGE, IMAGE_NUMBERS, true);
    add_need(program, BPF_JSET, (unsigned)NEGATIVE, false);
}

/* Either of two values; a jump over the other test */
static void add_need_either(struct program *program, int argument, unsigned one, unsigned other)
{
    add_load_argument(program, argument);
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_K | BPF_JEQ, one, 2, 0));
    add_need(program, BPF_JEQ, other, true);
}

static void add_rule(struct program *program, const struct rule *rule)
{
    unsigned short begin = program->length;

    add(program, (struct sock_filter){0}); /* the test, when its distance is known */
    if (rule->watch == WATCH_FD || rule->watch == WATCH_HOLE || rule->watch == WATCH_DUP)
        add_need_number(program, rule->at);
    if (rule->watch == WATCH_HOLE)
        add_need_either(program, 2, SEEK_DATA, SEEK_HOLE);
    if (rule->watch == WATCH_DUP)
        add_need_either(program, 1, F_DUPFD, F_DUPFD_CLOEXEC);
    if (rule->watch == WATCH_MAP) {
        add_load_argument(program, 3);
        add_need(program, BPF_JSET, MAP_ANONYMOUS, false);
        add_need_number(program, rule->at);
    }
    add_return(program,
               rule->watch == DENY ? SECCOMP_RET_ERRNO | ENOSYS : (unsigned)SECCOMP_RET_USER_NOTIF);
    program->at[begin] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)rule->number, 0,
                                     (unsigned char)(program->length - begin - 1));
}

static void make_program(struct program *program)
{
    program->length = 0;
    add_load(program, offsetof(struct seccomp_data, arch));
    /* calls of a 32-bit program have other numbers: nothing would be seen of them */
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCH, 1, 0));
    add_return(program, SECCOMP_RET_KILL_PROCESS);
    add_load(program, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32, 0, 1));
    add_return(program, SECCOMP_RET_ERRNO | ENOSYS);
#endif
    for (unsigned i = 0; i < rule_count; i++)
        add_rule(program, &rules[i]);
    add_return(program, SECCOMP_RET_ALLOW);
}

static int install(const struct sock_fprog *filter, unsigned long flags)
{
    return (int)raw_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                         (long)(flags | SECCOMP_FILTER_FLAG_NEW_LISTENER), (long)filter, 0, 0, 0);
}

int install_filter(void)
{
    static struct program program;
    struct sock_fprog filter = {.filter = program.at};
    /* a call that is being answered is not interrupted, but by SIGKILL */
    unsigned long flags = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    int listener;

    make_program(&program);
    filter.len = program.length;
    listener = install(&filter, flags);
    if (listener == -EINVAL)
        listener = install(&filter, flags = 0);
    /* without privileges it is for programs that can't gain any; with, setuid programs go on */
    if (listener == -EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
        listener = install(&filter, flags);
        if (listener == -EINVAL)
            listener = install(&filter, 0);
    }
    return listener;
}

bool is_listener(int listener)
{
    struct seccomp_notif_addfd add = {.flags = SECCOMP_ADDFD_FLAG_SEND,
                                      .srcfd = (unsigned)listener};

    /* no such call: so far a kernel of 5.14 comes, an older one knows no such flag */
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0 && errno == ENOENT;
}

/* fail_call.c: see fail_call.h. By seccomp's user notification, see seccomp_unotify(2). */
#include "fail_call.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NEVER_MADE = 99, CANNOT = 77 };

static const struct call {
    const char *name;
    unsigned number;
    int error;
} calls[] = {
    {"mmap", SYS_mmap, ENOMEM},
    {"mprotect", SYS_mprotect, ENOMEM},
    {"memfd_create", SYS_memfd_create, ENOMEM},
    {"ftruncate", SYS_ftruncate, ENOMEM},
    {"fallocate", SYS_fallocate, ENOMEM},
    {"pwrite64", SYS_pwrite64, ENOMEM},
    {"pread64", SYS_pread64, EIO},
    {"openat", SYS_openat, EMFILE},
    {"fcntl", SYS_fcntl, EMFILE},
    {"newfstatat", SYS_newfstatat, ENOMEM},
    {"ioctl", SYS_ioctl, ENOMEM},
};
enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

struct range {
    uint64_t begin, end;
};

static int find(struct dl_phdr_info *info, size_t size, void *argument)
{
    struct range *range = argument;

    (void)size;
    if (strstr(info->dlpi_name, "libps.so") == NULL)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
            range->begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            range->end = range->begin + info->dlpi_phdr[i].p_memsz;
        }
    return 1;
}

/*
 * The descriptor of the notifications of that call, made by code in the range.
 * By the C library itself: libps gives a program that it sees set a filter no
 * lazy memory, and this is to fail in lazy memory.
 */
static int listen_to(unsigned number, struct range range)
{
    const uint32_t low = offsetof(struct seccomp_data, instruction_pointer), high = low + 4;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 6),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, high),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(range.begin >> 32), 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)range.begin, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)range.end, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
    void *libc = dlopen("libc.so.6", RTLD_NOLOAD | RTLD_LAZY);
    long (*call)(long, ...) = libc ? (long (*)(long, ...))dlsym(libc, "syscall") : NULL;

    if (call == NULL || range.begin == 0 || range.begin >> 32 != range.end >> 32 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return (int)call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                     &program);
}

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
};

static int pass(int socket, int *fd, int sends)
{
    union control control = {0};
    char byte = 0;
    struct iovec vector = {&byte, 1};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof(control.room)};

    if (sends) {
        control.header = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), fd, sizeof(int));
        return sendmsg(socket, &message, 0) == 1 ? 0 : -1;
    }
    if (recvmsg(socket, &message, 0) != 1 || CMSG_FIRSTHDR(&message) == NULL)
        return -1;
    memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
    return 0;
}

/* A wake-up of touchers never fails; only where memory is registered the kernel needs some. */
static int may_fail(const struct seccomp_data *data)
{
    return data->nr != SYS_ioctl || (uint32_t)data->args[1] == (uint32_t)UFFDIO_REGISTER;
}

/* Until all who have the filter have ended: how many calls there were. */
static unsigned long watch(int fd, const struct call *call, unsigned long which)
{
    unsigned long count = 0;

    for (;;) {
        struct seccomp_notif notice = {0};
        struct seccomp_notif_resp answer = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

        struct pollfd ready = {.fd = fd, .events = POLLIN};

        poll(&ready, 1, -1);
        if (ready.revents & POLLHUP)
            return count;
        /* who called may have been interrupted since, and calls again */
        if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &notice) < 0)
            continue;
        answer.id = notice.id;
        if (may_fail(&notice.data) && ++count == which) {
            answer.flags = 0;
            answer.error = -call->error;
        }
        ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
}

void fail_call(void)
{
    const char *wanted = getenv("FAIL_CALL"), *colon = wanted ? strchr(wanted, ':') : NULL;
    const struct call *call = calls;
    unsigned long which, count;
    struct range range = {0, 0};
    int sockets[2], fd, status;
    pid_t child;

    if (wanted == NULL)
        return;
    while (call < calls + CALLS && (strlen(call->name) != (size_t)(colon - wanted) ||
                                    strncmp(call->name, wanted, strlen(call->name)) != 0))
        call++;
    if (call == calls + CALLS || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0)
        _exit(2);
    which = strtoul(colon + 1, NULL, 10);
    child = fork();
    if (child == 0) {
        dl_iterate_phdr(find, &range);
        fd = listen_to(call->number, range);
        if (fd < 0 || pass(sockets[1], &fd, 1) < 0)
            _exit(CANNOT);
        close(fd);
        close(sockets[0]);
        close(sockets[1]);
        return;
    }
    close(sockets[1]);
    count = pass(sockets[0], &fd, 0) < 0 ? 0 : watch(fd, call, which);
    if (child < 0 || waitpid(child, &status, 0) != child)
        _exit(2);
    if (WIFSIGNALED(status))
        _exit(128 + WTERMSIG(status));
    _exit(WEXITSTATUS(status) == 0 && count < which ? NEVER_MADE : WEXITSTATUS(status));
}

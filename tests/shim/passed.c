/*
 * passed.c: descriptors of proxies that come by a socket, and by calls that no hook is named after
 *
 * run: memcheck
 *
 * From the parent to a child that is another program, and from a child that
 * lives on to its parent.
 */
#include "check.h"

#include <dirent.h>
#include <stdbool.h>
#include <sys/socket.h>

static unsigned char bytes[SMALL];

static void give_by(int to, int fd, bool by_several)
{
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {(void *)"x", 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);

    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &fd, sizeof(fd));
    if (by_several) {
        struct mmsghdr several = {.msg_hdr = message};
        CHECK(sendmmsg(to, &several, 1, 0) == 1);
    } else {
        CHECK(sendmsg(to, &message, 0) == 1);
    }
}

static void give(int to, int fd)
{
    give_by(to, fd, false);
}

static int take_by(int from, long number)
{
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    char byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    int fd;

    if (number == SYS_recvmmsg) {
        struct mmsghdr several = {.msg_hdr = message};
        CHECK(syscall(number, from, &several, 1, 0, NULL) == 1);
        message = several.msg_hdr;
    } else {
        CHECK(syscall(number, from, &message, 0) == 1);
    }
    CHECK(CMSG_FIRSTHDR(&message) != NULL);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
    return fd;
}

static int take(int from)
{
    return take_by(from, SYS_recvmsg);
}

/* The lowest free number, of which libps last saw that it was no proxy: libc closed it inside. */
static int stale(void)
{
    DIR *folder = opendir("/");
    struct stat st;
    int number = dirfd(folder);

    CHECK(fstat(number, &st) == 0 && closedir(folder) == 0);
    return number;
}

static void check_copy(int fd, int wanted)
{
    CHECK(fd == wanted && pread(fd, bytes, PAGE, SMALL / 2) == PAGE);
    BYTES(bytes, PAGE, SMALL / 2);
    CHECK(close(fd) == 0);
}

static void by_system_call(void)
{
    int image = open_px("small.other"), pair[2], self, number;

    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    number = stale();
    check_copy((int)syscall(SYS_fcntl, image, F_DUPFD_CLOEXEC, 0), number);
    number = stale();
    check_copy((int)syscall(SYS_fcntl, image, F_DUPFD, 0), number);
    number = stale();
    give(pair[0], image);
    check_copy(take_by(pair[1], SYS_recvmsg), number);
    number = stale();
    give(pair[0], image);
    check_copy(take_by(pair[1], SYS_recvmmsg), number);
#ifdef SYS_pidfd_getfd
    self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    number = stale();
    if (self >= 0)
        check_copy((int)syscall(SYS_pidfd_getfd, self, image, 0), number);
#else
    (void)self;
#endif
}

static void check_all(int fd)
{
    unsigned char *map = mmap(NULL, SMALL, PROT_READ, MAP_SHARED, fd, 0);

    CHECK(map != MAP_FAILED);
    BYTES(map + SMALL / 2, PAGE, SMALL / 2);
    CHECK(pread(fd, bytes, SMALL, 0) == SMALL);
    BYTES(bytes, SMALL, 0);
}

/* It has seen that it has no proxy, then gets one, and hands it on to a program without libps. */
static void hand_on(int from)
{
    char path[40];
    char *words[] = {(char *)"cat", path, NULL}, *none[] = {(char *)"LD_PRELOAD=", NULL};
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    reap(child);
    snprintf(path, sizeof(path), "/dev/fd/%d", take(from));
    execve("/bin/cat", words, none);
    FAIL("no cat");
}

/* This program again, in a role, with an end of a socket; without libps, where it is unaware */
static pid_t another(char **argv, const char *role, const int *pair)
{
    char *none[] = {(char *)"LD_PRELOAD=", NULL}, number[20];
    pid_t child = fork();

    if (child != 0)
        return child;
    CHECK(close(pair[0]) == 0);
    snprintf(number, sizeof(number), "%d", pair[1]);
    if (strcmp(role, "unaware") != 0)
        execl(argv[0], argv[0], role, number, NULL);
    else
        execle(argv[0], argv[0], role, number, NULL, none);
    _exit(9);
}

static void handed_on(char **argv)
{
    int pair[2], out[2], before = dup(1);
    size_t size = 0;
    ssize_t got;
    pid_t child;

    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0 && pipe2(out, O_CLOEXEC) == 0);
    CHECK(dup2(out[1], 1) == 1 && close(out[1]) == 0);
    child = another(argv, "hand on", pair);
    CHECK(dup2(before, 1) == 1 && close(before) == 0);
    give(pair[0], open_px("small"));
    while ((got = read(out[0], bytes + size, SMALL - size)) > 0)
        size += (size_t)got;
    reap(child);
    CHECK(size == SMALL);
    BYTES(bytes, SMALL, 0);
}

/* They would read zeros of what has not been fetched. */
static void to_the_unaware(char **argv)
{
    int pair[2];
    pid_t child;

    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    child = another(argv, "unaware", pair);
    give(pair[0], open_px("slow"));
    give_by(pair[0], open_px("slower"), true);
    reap(child);
}

int main(int argc, char **argv)
{
    int pair[2], plain;
    pid_t child;

    if (argc == 3 && strcmp(argv[1], "hand on") == 0)
        hand_on(atoi(argv[2]));
    if (argc == 3 && strcmp(argv[1], "taker") == 0) {
        plain = take(atoi(argv[2]));
        CHECK(read(plain, bytes, 10) == 10 && close(plain) == 0);
        check_all(take(atoi(argv[2])));
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "unaware") == 0) {
        check_all(take(atoi(argv[2])));
        check_all(take(atoi(argv[2])));
        return 0;
    }
    to_the_unaware(argv);
    handed_on(argv);
    by_system_call();
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    plain = open(data("small"), O_RDONLY);
    child = another(argv, "taker", pair);
    give(pair[0], plain);
    give(pair[0], open_px("small"));
    reap(child);
    child = fork();
    if (child == 0) {
        give(pair[1], open_px("big"));
        pause();
    }
    plain = take(pair[0]);
    CHECK(pread(plain, bytes, SMALL, BIG - SMALL) == SMALL);
    BYTES(bytes, SMALL, BIG - SMALL);
    CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
    CHECK(pread(plain, bytes, SMALL, BIG / 2) == SMALL);
    BYTES(bytes, SMALL, BIG / 2);
    return 0;
}

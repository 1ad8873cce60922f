/*
 * direct.c: a view that is the store's own file: it can't be written by it, and may be unlinked
 *
 * run: link
 */
#include "own_store.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/socket.h>

static char proxy_path[1200], object_path[1200];

/* A store of this run's own, and one proxy file in it. */
static void make(void)
{
    struct ps_error err = {0};
    struct ps_proxy proxy;
    char url[1200];

    snprintf(url, sizeof(url), "file://%s", tmp("store"));
    snprintf(object_path, sizeof(object_path), "%s/key", tmp("store"));
    snprintf(proxy_path, sizeof(proxy_path), "%s/proxy", tmp("."));
    put_own(url, &proxy);
    if (ps_proxy_write(&proxy, proxy_path, &err) != 0)
        FAIL("%s", err.message);
}

static int open_direct(void)
{
    int fd = open(proxy_path, O_RDONLY);
    struct stat st;

    CHECK(fd >= 0);
    CHECK(raw_call(SYS_fstat, fd, (long)&st, 0, 0, 0, 0) == 0 && st.st_nlink == 1);
    return fd;
}

static void whole(int fd)
{
    static unsigned char bytes[SMALL + 1];

    CHECK(pread(fd, bytes, sizeof(bytes), 0) == SMALL);
    BYTES(bytes, SMALL, 0);
}

static void by_link(void)
{
    const char *const folders[] = {"/proc/self/fd", "/dev/fd", "/proc/thread-self/fd"};
    uint64_t how[3] = {O_WRONLY | O_TRUNC, 0, 0}; /* struct open_how */
    int fd = open_direct();
    char link[64];

    for (size_t i = 0; i < 3; i++) {
        snprintf(link, sizeof(link), "%s/%d", folders[i], fd);
        FAILS(open(link, O_RDWR), EROFS);
        FAILS(open(link, O_WRONLY | O_TRUNC), EROFS);
        FAILS(open(link, O_RDONLY | O_TRUNC), EROFS);
        FAILS(creat(link, 0600), EROFS);
        FAILS(syscall(SYS_openat, AT_FDCWD, link, O_WRONLY | O_TRUNC), EROFS);
#ifdef SYS_openat2
        FAILS(syscall(SYS_openat2, AT_FDCWD, link, how, sizeof(how)), EROFS);
#endif
        errno = 0;
        CHECK(fopen(link, "w") == NULL && errno == EROFS);
        CHECK(freopen(link, "w", stdin) == NULL && errno == EROFS);
        whole(fd);
    }
    fd = open(link, O_RDONLY);
    CHECK(fd >= 0);
    whole(fd);
}

static void again_for_writing(void)
{
    const char *const modes[] = {"r+", "w", "a", "w+"};

    for (size_t i = 0; i < 4; i++) {
        FILE *stream = fopen(proxy_path, "r");
        CHECK(stream != NULL && getc(stream) == byte_at(0));
        errno = 0;
        CHECK(freopen(NULL, modes[i], stream) == NULL && errno == EROFS);
        stream = fopen(px("small"), "r");
        CHECK(stream != NULL && getc(stream) == byte_at(0));
        errno = 0;
        CHECK(freopen(NULL, modes[i], stream) == NULL && errno == EROFS);
    }
    whole(open_direct());
    whole(open_px("small"));
}

static void again_for_reading(void)
{
    FILE *stream = fopen(proxy_path, "r");
    struct stat st, by_path;

    CHECK(stream != NULL && getc(stream) == byte_at(0));
    CHECK(freopen(NULL, "re", stream) == stream && getc(stream) == byte_at(0));
    CHECK(stat(proxy_path, &by_path) == 0 && fstat(fileno(stream), &st) == 0);
    CHECK(st.st_ino == by_path.st_ino && st.st_size == SMALL);
}

/* In a function of its own: the frame of vfork's caller must stay. */
static void with_vfork(int fd, int how)
{
    unsigned char bytes[9];
    int status;
    pid_t child = vfork();

    if (child == 0) {
        if (how == 0)
            dup2(1, fd);
        else if (how == 1)
            close_range((unsigned)fd, (unsigned)fd, 0);
        else /* what the parent has there must not be believed of an image */
            _exit(!(close(fd) == 0 && open(px("small"), O_RDONLY) == fd &&
                    pread(fd, bytes, 9, 70000) == 9 && bytes[8] == byte_at(70008)));
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

/* A vforked child's close is none of its parent's descriptor. */
static void vforked(void)
{
    struct stat st, by_path;

    CHECK(stat(proxy_path, &by_path) == 0);
    for (int how = 0; how < 3; how++) {
        int fd = open_direct(), raw;

        CHECK(flock(fd, LOCK_EX | LOCK_NB) == 0);
        with_vfork(fd, how);
        CHECK(fstat(fd, &st) == 0 && st.st_ino == by_path.st_ino && st.st_dev == by_path.st_dev);
        CHECK(st.st_mtim.tv_sec == by_path.st_mtim.tv_sec);
        CHECK(flock(fd, LOCK_UN) == 0);
        raw = (int)raw_call(SYS_openat, AT_FDCWD, (long)proxy_path, O_RDONLY, 0, 0, 0);
        CHECK(raw_call(SYS_flock, raw, LOCK_EX | LOCK_NB, 0, 0, 0, 0) == 0);
        CHECK(raw_call(SYS_close, raw, 0, 0, 0, 0, 0) == 0);
        whole(fd);
        CHECK(close(fd) == 0);
    }
}

/* Received by a socket, so that libps has to find out what it is. */
static void unlinked(void)
{
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    char byte = 'x';
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    int fd = open_direct(), pair[2];

    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &fd, sizeof(fd));
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    CHECK(sendmsg(pair[0], &message, 0) == 1);
    CHECK(unlink(object_path) == 0);
    CHECK(recvmsg(pair[1], &message, 0) == 1);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
    whole(fd);
    BYTES(mmap(NULL, SMALL, PROT_READ, MAP_SHARED, fd, 0), SMALL, 0);
}

static int threads(void)
{
    DIR *folder = opendir("/proc/self/task");
    int count = -2; /* . and .. */

    CHECK(folder != NULL);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

/* Where nothing has to be fetched, no thread stays; and there is one again when something has. */
static void left_alone(void)
{
    unsigned char *bytes = malloc(SMALL), *map;

    CHECK(bytes != NULL);
    for (int round = 0; round < 3; round++) {
        int fd = open_direct();

        while (threads() > 1)
            usleep(10000);
        CHECK(read(fd, bytes, SMALL) == SMALL);
        BYTES(bytes, SMALL, 0);
        CHECK(close(fd) == 0);
    }
    map = map_px("small", SMALL, PROT_READ, MAP_PRIVATE);
    usleep(300000);
    BYTES(map, SMALL, 0);
    free(bytes);
}

int main(void)
{
    const struct check_case cases[] = {CASE(by_link),           CASE(again_for_writing),
                                       CASE(again_for_reading), CASE(left_alone),
                                       CASE(vforked),           CASE(unlinked)};

    make();
    return CASES(cases, NULL);
}

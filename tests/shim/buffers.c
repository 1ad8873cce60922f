/* buffers.c: lazy memory in the hands of system calls: as source, as target, as a path */
#include "check.h"

#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/uio.h>

static unsigned char *map, *copy;

static void check_file(const char *path, size_t size, uint64_t offset)
{
    int fd = open(path, O_RDONLY);

    CHECK(fd >= 0 && read(fd, copy, SMALL) == (ssize_t)size);
    BYTES(copy, size, offset);
    CHECK(close(fd) == 0 && unlink(path) == 0);
}

static int out_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    CHECK(fd >= 0);
    return fd;
}

static void with_write(void)
{
    int fd = out_file(tmp("out"));

    CHECK(write(fd, map + 1000, 100000) == 100000);
    CHECK(pwrite(fd, map + 101000, 50000, 100000) == 50000);
    check_file(tmp("out"), 150000, 1000);
}

static void with_vectors(void)
{
    struct iovec parts[2] = {{map + 300000, 50000}, {map + 350000, 7}};
    int fd = out_file(tmp("out"));

    CHECK(writev(fd, parts, 2) == 50007);
    CHECK(pwritev(fd, parts, 2, 50007) == 50007);
    CHECK(ftruncate(fd, 50007) == 0);
    check_file(tmp("out"), 50007, 300000);
}

static void with_stream(void)
{
    FILE *out = fopen(tmp("out"), "w");

    CHECK(out != NULL && fwrite(map + 500000, 1, 200000, out) == 200000 && fclose(out) == 0);
    check_file(tmp("out"), 200000, 500000);
    out = fopen(tmp("out"), "w");
    CHECK(out != NULL && setvbuf(out, NULL, _IONBF, 0) == 0);
    CHECK(fwrite(map + 700000, 1, 3000, out) == 3000 && fclose(out) == 0);
    check_file(tmp("out"), 3000, 700000);
}

static void with_sockets(void)
{
    int pair[2];
    struct iovec part = {map + 800000, 9000};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    CHECK(sendmsg(pair[0], &message, 0) == 9000);
    CHECK(recv(pair[1], copy, SMALL, 0) == 9000);
    BYTES(copy, 9000, 800000);
    CHECK(send(pair[0], map + 820000, 100, 0) == 100 && recv(pair[1], copy, 100, 0) == 100);
    BYTES(copy, 100, 820000);
    CHECK(sendto(pair[0], map + 830000, 100, 0, NULL, 0) == 100 && read(pair[1], copy, 100) == 100);
    BYTES(copy, 100, 830000);
}

/* Several messages in one call, and what fortified programs call for recv */
static void with_messages(void)
{
    struct iovec from[2] = {{map + 840000, 5000}, {map + 850000, 6000}};
    struct iovec to[2] = {{map + 20000, 5000}, {map + 40000, 6000}};
    struct mmsghdr out[2] = {{.msg_hdr = {.msg_iov = &from[0], .msg_iovlen = 1}},
                             {.msg_hdr = {.msg_iov = &from[1], .msg_iovlen = 1}}};
    struct mmsghdr in[2] = {{.msg_hdr = {.msg_iov = &to[0], .msg_iovlen = 1}},
                            {.msg_hdr = {.msg_iov = &to[1], .msg_iovlen = 1}}};
    ssize_t (*recv_chk)(int, void *, size_t, size_t, int) = dlsym(RTLD_DEFAULT, "__recv_chk");
    ssize_t (*recvfrom_chk)(int, void *, size_t, size_t, int, void *, void *) =
        dlsym(RTLD_DEFAULT, "__recvfrom_chk");
    int pair[2];

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    CHECK(sendmmsg(pair[0], out, 2, 0) == 2 && recvmmsg(pair[1], in, 2, 0, NULL) == 2);
    BYTES(map + 20000, 5000, 840000);
    BYTES(map + 40000, 6000, 850000);
    CHECK(write(pair[0], "abc", 3) == 3 && recv_chk(pair[1], map + 60000, 10, 10, 0) == 3);
    CHECK(memcmp(map + 60000, "abc", 3) == 0);
    CHECK(write(pair[0], "abc", 3) == 3);
    CHECK(recvfrom_chk(pair[1], map + 80000, 10, 10, 0, NULL, NULL) == 3);
    CHECK(memcmp(map + 80000, "abc", 3) == 0);
    CHECK(syscall(SYS_sendmmsg, pair[0], out, 1, 0) == 1);
    CHECK(syscall(SYS_sendto, pair[0], map + 120000, 100, 0, NULL, 0) == 100);
    CHECK(recv(pair[1], copy, SMALL, 0) == 5000 && recv(pair[1], copy, SMALL, 0) == 100);
    BYTES(copy, 100, 120000);
}

static void into_a_pipe(void)
{
    struct iovec part = {map + 860000, 9000};
    int ends[2];

    CHECK(pipe(ends) == 0 && vmsplice(ends[1], &part, 1, 0) == 9000);
    CHECK(read(ends[0], copy, 9000) == 9000);
    BYTES(copy, 9000, 860000);
}

/* What a call writes into lazy memory stays; what is around it on the page is the object's. */
static void as_target(void)
{
    int fd = open(data("small"), O_RDONLY), pair[2];
    struct iovec parts[2] = {{map + 920000, 10}, {map + 930000, 10}};

    CHECK(fd >= 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    CHECK(pread(fd, map + 900100, 100, 0) == 100);
    BYTES(map + 900100, 100, 0);
    BYTES(map + 900000, 100, 900000);
    BYTES(map + 900200, 100, 900200);
    CHECK(lseek(fd, 5, SEEK_SET) == 5 && read(fd, map + 910000, 10) == 10);
    BYTES(map + 910000, 10, 5);
    CHECK(readv(fd, parts, 2) == 20);
    BYTES(map + 920000, 10, 15);
    BYTES(map + 930000, 10, 25);
    CHECK(send(pair[0], "abc", 3, 0) == 3 && recv(pair[1], map + 940000, 10, 0) == 3);
    CHECK(memcmp(map + 940000, "abc", 3) == 0);
    BYTES(map + 940003, 50, 940003);
    /* from a proxy into the mapping of a proxy */
    fd = open_px("page+1");
    CHECK(read(fd, map + 960000, PAGE + 1) == PAGE + 1);
    BYTES(map + 960000, PAGE + 1, 0);
    CHECK(fstat(fd, (struct stat *)(map + 980000 / 16 * 16)) == 0);
    CHECK(((struct stat *)(map + 980000 / 16 * 16))->st_size == PAGE + 1);
}

static void as_a_path(void)
{
    struct stat st;
    struct statx x;
    /* text, so the numbers of its first lines: "0 0.25 line..." can't be a file's name */
    char *path = (char *)map_px("text", 1000, PROT_READ, MAP_PRIVATE);

    FAILS(open(path, O_RDONLY), ENAMETOOLONG);
    path = (char *)map_px("text", 1000, PROT_READ, MAP_SHARED);
    FAILS(stat(path, &st), ENAMETOOLONG);
    path = (char *)map_px("text", 1000, PROT_READ, MAP_SHARED);
    FAILS(statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &x), ENAMETOOLONG);
}

int main(void)
{
    copy = malloc(SMALL);
    map = map_px("small", SMALL, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    CHECK(copy != NULL);
    with_write();
    with_vectors();
    with_stream();
    with_sockets();
    with_messages();
    into_a_pipe();
    as_target();
    as_a_path();
    return 0;
}

/*
 * supervised.c: what a program may do with a proxy, where libps is not in it
 *
 * usage: supervised WAY PROXY OBJECT
 * Built static, static-pie and with musl. Status 0 when what it gets by this
 * way from PROXY is what OBJECT has; objects hold no zero byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *proxy;
static char *object, *got;
static size_t size;

static void die(const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_proxy(void)
{
    int fd = open(proxy, O_RDONLY);

    if (fd < 0)
        die("open");
    return fd;
}

static void same(const char *what, const void *bytes, size_t offset, size_t count)
{
    const char *c = bytes;

    for (size_t i = 0; i < count; i++)
        if (c[i] != object[offset + i]) {
            printf("%s: byte %zu is %d, not %d\n", what, offset + i, c[i], object[offset + i]);
            exit(1);
        }
}

static void is(const char *what, long value, long wanted)
{
    if (value == wanted)
        return;
    printf("%s: %ld, not %ld (errno %d)\n", what, value, wanted, errno);
    exit(1);
}

static void way_read(void)
{
    void *volatile nowhere = (void *)8;
    int fd = open_proxy();
    size_t at = 0;
    ssize_t n;

    while ((n = read(fd, got, 70001)) > 0) {
        same("read", got, at, (size_t)n);
        at += (size_t)n;
    }
    is("end", (long)at, (long)size);
    is("offset", lseek(fd, 0, SEEK_CUR), (long)size);
    is("read at the end", read(fd, got, 1), 0);
    is("seek", lseek(fd, 5, SEEK_SET), 5);
    is("read", read(fd, got, 9), 9);
    same("read after seek", got, 5, 9);
    errno = 0;
    is("read to nowhere", read(fd, nowhere, 10), -1);
    is("EFAULT", errno, EFAULT);
    is("offset", lseek(fd, 0, SEEK_CUR), 14);
    close(fd);
    is("read of what is closed", read(fd, got, 1), -1);
    is("EBADF", errno, EBADF);
}

static void way_pread(void)
{
    int fd = open_proxy();

    for (size_t at = size - 1; at > 333333; at -= 333333) {
        size_t left = size - at < 4096 ? size - at : 4096;

        is("pread", pread(fd, got, 4096, (off_t)at), (long)left);
        same("pread", got, at, left);
    }
    is("offset", lseek(fd, 0, SEEK_CUR), 0);
    is("pread behind the end", pread(fd, got, 10, (off_t)size + 5), 0);
    is("pread before the begin", pread(fd, got, 10, -5), -1);
}

static void way_vectors(void)
{
    int fd = open_proxy();
    struct iovec to[3] = {{got, 100}, {got + 1000, 0}, {got + 2000, 300000}};

    is("readv", readv(fd, to, 3), 300100);
    same("readv", got, 0, 100);
    same("readv", got + 2000, 100, 300000);
    is("preadv", preadv(fd, to, 3, 1000000), 300100);
    same("preadv", got, 1000000, 100);
    same("preadv", got + 2000, 1000100, 300000);
    is("offset", lseek(fd, 0, SEEK_CUR), 300100);
    to[0].iov_len = (size_t)-1;
    is("readv too much", readv(fd, to, 3), -1);
    is("EINVAL", errno, EINVAL);
}

static void way_stat(void)
{
    int fd = open_proxy();
    struct stat named, opened;

    is("stat", stat(proxy, &named), 0);
    is("fstat", fstat(fd, &opened), 0);
    is("size", (long)named.st_size, (long)size);
    is("size of fd", (long)opened.st_size, (long)size);
    is("inode", (long)opened.st_ino, (long)named.st_ino);
    is("device", (long)opened.st_dev, (long)named.st_dev);
    is("blocks", opened.st_blocks >= (long)size / 512, 1);
    is("fstatat", fstatat(fd, "", &opened, AT_EMPTY_PATH), 0);
    is("inode", (long)opened.st_ino, (long)named.st_ino);
    is("lstat", lstat(proxy, &named), 0);
    is("size", (long)named.st_size, (long)size);
    is("stat of a missing file", stat("/none", &named), -1);
    is("ENOENT", errno, ENOENT);
    is("hole", lseek(fd, 0, SEEK_HOLE), (long)size);
    is("data", lseek(fd, 77, SEEK_DATA), 77);
    is("data behind", lseek(fd, (off_t)size, SEEK_DATA), -1);
    is("ENXIO", errno, ENXIO);
}

static void way_mmap(void)
{
    int fd = open_proxy();
    char *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0), *own;

    if (map == MAP_FAILED)
        die("mmap");
    same("shared", map, 0, size);
    own = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (own == MAP_FAILED)
        die("private mmap");
    own[0] = 0;
    same("private", own + 1, 1, size - 1);
    same("shared again", map, 0, size);
    is("mmap to write", mmap(NULL, size, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED, 1);
}

static void read_low(const char *what, int fd)
{
    is("pread", pread(fd, got, size, 0), (long)size);
    same(what, got, 0, size);
}

static void way_dup(void)
{
    int low = dup(open_proxy());

    is("number", low < 512, 1);
    read_low("dup", low);
}

static void way_dup2(void)
{
    is("dup2", dup2(open_proxy(), 0), 0);
    read_low("dup2", 0);
}

static void way_dup3(void)
{
    is("dup3", dup3(open_proxy(), 7, O_CLOEXEC), 7);
    read_low("dup3", 7);
}

static void way_fcntl(void)
{
    int low = fcntl(open_proxy(), F_DUPFD, 7);

    is("number", low >= 7 && low < 512, 1);
    read_low("fcntl", low);
}

static void way_again(void)
{
    char path[64];
    int fd = open_proxy(), again;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    again = open(path, O_RDONLY);
    if (again < 0)
        die("open again");
    read_low("opened again", again);
    errno = 0;
    is("open to write", open(path, O_RDWR), -1);
    is("EROFS", errno, EROFS);
}

static void way_link(void)
{
    char path[64];
    int again;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", open_proxy());
    unlink("again.link");
    is("symlink", symlink(path, "again.link"), 0);
    again = open("again.link", O_RDONLY);
    unlink("again.link");
    if (again < 0)
        die("open by a link");
    read_low("opened by a link", again);
}

static void way_sendfile(void)
{
    int fd = open_proxy(), out = open("sent", O_RDWR | O_CREAT | O_TRUNC, 0600);
    ssize_t n;

    while ((n = sendfile(out, fd, NULL, size)) > 0)
        ;
    read_low("sendfile", out);
    unlink("sent");
}

static void way_message(void)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS}};
    struct iovec byte = {"x", 1};
    struct msghdr message = {.msg_iov = &byte,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    int ends[2], fd = open_proxy();

    is("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    is("sendmsg", sendmsg(ends[0], &message, 0), 1);
    byte.iov_base = got;
    is("recvmsg", recvmsg(ends[1], &message, 0), 1);
    memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
    is("number", fd < 512, 1);
    read_low("received", fd);
}

/* all in all each byte once, and none of them zero */
static _Atomic size_t sum;

static void *read_shared(void *argument)
{
    char *buffer = malloc(10007);
    ssize_t n;

    while ((n = read(*(int *)argument, buffer, 10007)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            is("a zero", buffer[i] == 0, 0);
        sum += (size_t)n;
    }
    is("end", n, 0);
    return NULL;
}

static void way_threads(void)
{
    pthread_t threads[4];
    int fd = open_proxy();

    for (int i = 0; i < 4; i++)
        is("thread", pthread_create(&threads[i], NULL, read_shared, &fd), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    is("bytes of all threads", (long)sum, (long)size);
}

static void way_forks(void)
{
    int fd = open_proxy(), status;
    size_t *all = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    for (int i = 0; i < 4; i++)
        if (fork() == 0) {
            read_shared(&fd);
            __atomic_add_fetch(all, sum, __ATOMIC_SEQ_CST);
            exit(0);
        }
    while (wait(&status) > 0)
        is("status", status, 0);
    is("bytes of all processes", (long)*all, (long)size);
}

/* an image that another program inherits, here this one: argument PROXY is its number */
static void way_exec(void)
{
    char number[16];

    snprintf(number, sizeof(number), "%d", open_proxy());
    execl("/proc/self/exe", "supervised", "inherited", number, getenv("OBJECT"), (char *)NULL);
    die("exec");
}

static void way_inherited(void)
{
    read_low("inherited", atoi(proxy));
}

static void way_few_numbers(void)
{
    struct rlimit limit = {64, 64};
    int fd;

    is("setrlimit", setrlimit(RLIMIT_NOFILE, &limit), 0);
    fd = open_proxy();
    is("number", fd < 64, 1);
    read_low("low number", fd);
}

static void way_many(void)
{
    int fds[700], count = 0;

    while (count < 700 && (fds[count] = open(proxy, O_RDONLY)) >= 0)
        count++;
    is("descriptors", count >= 600, 1);
    for (int i = 0; i < count; i += 50)
        read_low("one of many", fds[i]);
}

static void way_flags(void)
{
    int fd, why;

    fd = open(proxy, O_RDWR);
    why = errno;
    is("open to write", fd, -1);
    is("EROFS", why, access(proxy, W_OK) == 0 ? EROFS : EACCES);
    fd = open(proxy, O_RDONLY | O_CLOEXEC);
    is("FD_CLOEXEC", fcntl(fd, F_GETFD), FD_CLOEXEC);
    is("create", open(proxy, O_RDONLY | O_CREAT | O_EXCL, 0600), -1);
    is("EEXIST", errno, EEXIST);
    fd = open(proxy, O_PATH);
    is("O_PATH", fd >= 0, 1);
    is("io_uring", syscall(425, 4, got), -1);
    is("ENOSYS", errno, ENOSYS);
}

/* a program that nobody may look into, but root */
static void way_closed(void)
{
    is("prctl", prctl(PR_SET_DUMPABLE, 0), 0);
    is("open", open(proxy, O_RDONLY), -1);
    is("EIO", errno, EIO);
}

/* PROXY is a system call, and OBJECT a program that is run without it */
static int run_without(const char *call, char **argv)
{
    static const struct {
        const char *name;
        int number;
    } calls[] = {{"seccomp", SYS_seccomp},
                 {"pidfd_getfd", 438},
                 {"process_vm_readv", SYS_process_vm_readv},
                 {"unshare", SYS_unshare}};
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (strcmp(call, calls[i].name) == 0)
            filter[1].k = (unsigned)calls[i].number;
    if (filter[1].k == 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        die("filter");
    execv(argv[0], argv);
    die(argv[0]);
    return 2;
}

static void way_fails(void)
{
    int fd = open_proxy();

    is("read of a lost object", pread(fd, got, 100, 2000000), -1);
    is("EIO", errno, EIO);
    is("mmap of it", mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED, 1);
    is("EIO", errno, EIO);
    is("dup of it", dup(fd), -1);
    is("EIO", errno, EIO);
}

static void is_refused(const char *what, long value, int wanted)
{
    int cause = errno;

    is(what, value, -1);
    is(what, cause, wanted);
}

/* PROXY is a URI: programs with libps in them must get all of this, too */
static void way_uri(void)
{
    char other[4096], folder[4096], behind[9000];
    int here = open(".", O_RDONLY | O_DIRECTORY), there = open("/", O_RDONLY | O_DIRECTORY);

    snprintf(other, sizeof(other), "%s", proxy);
    memcpy(strstr(other, "object"), "absent", 6);
    if (getcwd(folder, sizeof(folder)) == NULL)
        die("getcwd");
    snprintf(behind, sizeof(behind), "%s/%s", folder, proxy);
    way_read();
    is("access", access(proxy, F_OK), 0);
    is("access to read", access(proxy, R_OK), 0);
    is("access, behind the folder", access(behind, R_OK), 0);
    is("access, beside the folder", faccessat(here, proxy, R_OK, 0), 0);
    is_refused("access to write", access(proxy, R_OK | W_OK), EROFS);
    is_refused("access to run", access(proxy, X_OK), EACCES);
    is_refused("access elsewhere", faccessat(there, proxy, R_OK, 0), ENOENT);
    is_refused("access of none", access(other, F_OK), ENOENT);
    is_refused("access of none to write", access(other, W_OK), ENOENT);
    is("effective access", faccessat(AT_FDCWD, proxy, R_OK, AT_EACCESS), 0);
    is_refused("open as a folder", open(proxy, O_RDONLY | O_DIRECTORY), ENOTDIR);
    is_refused("open none as a folder", open(other, O_RDONLY | O_DIRECTORY), ENOENT);
    is_refused("open elsewhere", openat(there, proxy, O_RDONLY), ENOENT);
    is_refused("make", open(proxy, O_WRONLY | O_CREAT | O_EXCL, 0600), EROFS);
    is_refused("make, and read", open(proxy, O_RDONLY | O_CREAT | O_EXCL, 0600), EROFS);
    is_refused("make a file in it", open(proxy, O_RDWR | O_TMPFILE, 0600), EROFS);
    is_refused("make another", open(other, O_WRONLY | O_CREAT | O_EXCL, 0600), ENOENT);
    is_refused("write", open(proxy, O_RDWR), EROFS);
    is_refused("empty", open(proxy, O_RDONLY | O_TRUNC), EROFS);
    is_refused("empty and write", creat(proxy, 0600), EROFS);
    is_refused("write another", creat(other, 0600), ENOENT);
    is("leave the folder", chdir("/"), 0);
    is_refused("access behind what was the folder", access(behind, R_OK), ENOENT);
    is("access", access(proxy, R_OK), 0);
}

static const struct way {
    const char *name;
    void (*go)(void);
} ways[] = {
    {"read", way_read},
    {"pread", way_pread},
    {"vectors", way_vectors},
    {"stat", way_stat},
    {"mmap", way_mmap},
    {"dup", way_dup},
    {"dup2", way_dup2},
    {"dup3", way_dup3},
    {"fcntl", way_fcntl},
    {"again", way_again},
    {"link", way_link},
    {"sendfile", way_sendfile},
    {"message", way_message},
    {"threads", way_threads},
    {"forks", way_forks},
    {"exec", way_exec},
    {"inherited", way_inherited},
    {"few_numbers", way_few_numbers},
    {"many", way_many},
    {"flags", way_flags},
    {"closed", way_closed},
    {"fails", way_fails},
    {"uri", way_uri},
};

int main(int argc, char **argv)
{
    struct stat status;
    int fd;

    if (argc > 3 && strcmp(argv[1], "without") == 0)
        return run_without(argv[2], argv + 3);
    if (argc != 4)
        return 2;
    proxy = argv[2];
    setenv("OBJECT", argv[3], 1);
    fd = open(argv[3], O_RDONLY);
    if (fd < 0 || fstat(fd, &status) != 0)
        die(argv[3]);
    size = (size_t)status.st_size;
    object = malloc(size);
    got = malloc(size + 4096);
    if (read(fd, object, size) != (ssize_t)size)
        die("read of the object");
    close(fd);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        if (strcmp(argv[1], ways[i].name) == 0) {
            ways[i].go();
            return 0;
        }
    return 2;
}

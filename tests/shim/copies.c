/*
 * copies.c: sendfile, copy_file_range and splice out of a proxy
 *
 * run: memcheck
 */
#include "check.h"

#include <pthread.h>
#include <sys/sendfile.h>

static unsigned char *out_bytes;

static void check_out(const char *path, size_t size, uint64_t offset)
{
    int fd = open(path, O_RDONLY);

    CHECK(fd >= 0 && read(fd, out_bytes, SMALL + 1) == (ssize_t)size);
    BYTES(out_bytes, size, offset);
    CHECK(close(fd) == 0);
}

static void with_sendfile(const char *path, size_t from, int own_offset)
{
    int in = open_px("small"), out = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    off_t offset = (off_t)from;
    ssize_t got;

    CHECK(out >= 0);
    if (!own_offset)
        CHECK(lseek(in, offset, SEEK_SET) == offset);
    errno = 55;
    while ((got = sendfile(out, in, own_offset ? &offset : NULL, 100000)) > 0)
        CHECK(errno == 55);
    CHECK(got == 0);
    if (own_offset)
        CHECK(offset == SMALL && lseek(in, 0, SEEK_CUR) == 0);
    else
        CHECK(lseek(in, 0, SEEK_CUR) == SMALL);
    check_out(path, SMALL - from, from);
    CHECK(close(in) == 0 && close(out) == 0);
}

/* Within a file system and to another one; programs go on with read where the kernel says EXDEV. */
static void with_range(const char *path, size_t from)
{
    int in = open_px("small"), out = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    off_t offset = (off_t)from;
    ssize_t got;

    CHECK(out >= 0);
    while ((got = copy_file_range(in, &offset, out, NULL, SIZE_MAX / 2, 0)) > 0)
        ;
    if (got < 0) {
        CHECK((errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP) && offset == (off_t)from);
        while ((got = pread(in, out_bytes, 50000, offset)) > 0) {
            CHECK(write(out, out_bytes, (size_t)got) == got);
            offset += got;
        }
    }
    check_out(path, SMALL - from, from);
    CHECK(close(in) == 0 && close(out) == 0);
}

static void with_splice(int own_offset)
{
    int in = open_px("small"), ends[2];
    loff_t offset = own_offset ? 4000 : 0;
    size_t done = own_offset ? 4000 : 0;
    ssize_t got;

    CHECK(pipe(ends) == 0);
    while ((got = splice(in, own_offset ? &offset : NULL, ends[1], NULL, 30000, 0)) > 0) {
        for (size_t left = (size_t)got; left > 0;) {
            ssize_t part = read(ends[0], out_bytes, left);
            CHECK(part > 0);
            BYTES(out_bytes, (size_t)part, done);
            done += (size_t)part;
            left -= (size_t)part;
        }
    }
    CHECK(got == 0 && done == SMALL);
    CHECK(lseek(in, 0, SEEK_CUR) == (own_offset ? 0 : SMALL));
    CHECK(close(in) == 0 && close(ends[0]) == 0 && close(ends[1]) == 0);
}

/* The offset that the caller can't be told is EFAULT, and no crash. */
static void to_read_only(void)
{
    off_t *offset = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int out = open(tmp("f"), O_RDWR | O_CREAT | O_TRUNC, 0600);

    CHECK(offset != MAP_FAILED && out >= 0);
    FAILS(sendfile(out, open_px("small"), offset, 10), EFAULT);
    FAILS(copy_file_range(open_px("small"), offset, out, NULL, 10, 0), EFAULT);
}

static void *copy_range(void *out)
{
    static off_t offset;
    ssize_t got = copy_file_range(*(int *)out - 1, &offset, *(int *)out, NULL, SMALL, 0);

    return (void *)(got == SMALL ? out : NULL);
}

static void on_small_stack(void)
{
    long size = sysconf(_SC_THREAD_STACK_MIN);
    pthread_attr_t attributes;
    int in = open_px("small"), out = open(tmp("g"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    pthread_t thread;
    void *done;

    CHECK(out == in + 1);
    CHECK(pthread_attr_init(&attributes) == 0);
    size = size > 16384 ? size : 16384;
    CHECK(pthread_attr_setstacksize(&attributes, small_stack((size_t)size)) == 0);
    CHECK(pthread_create(&thread, &attributes, copy_range, &out) == 0);
    CHECK(pthread_join(thread, &done) == 0 && done != NULL);
    check_out(tmp("g"), SMALL, 0);
}

/* Each in a child, so that each meets an image with nothing in it. */
#define ALONE(call)                                                                                \
    do {                                                                                           \
        pid_t child_ = fork();                                                                     \
        if (child_ == 0) {                                                                         \
            call;                                                                                  \
            _exit(0);                                                                              \
        }                                                                                          \
        reap(child_);                                                                              \
    } while (0)

int main(void)
{
    char shm[64];

    out_bytes = malloc(SMALL + 1);
    CHECK(out_bytes != NULL);
    snprintf(shm, sizeof(shm), "/dev/shm/check-copies-%d", (int)getpid());
    ALONE(with_sendfile(tmp("a"), 0, 0));
    ALONE(with_sendfile(tmp("b"), 12345, 1));
    ALONE(with_sendfile(tmp("c"), 777, 0));
    ALONE(with_range(tmp("d"), 0));
    ALONE(with_range(tmp("e"), 9999));
    ALONE((with_range(shm, 0), unlink(shm)));
    ALONE(to_read_only());
    ALONE(on_small_stack());
    ALONE(with_splice(0));
    ALONE(with_splice(1));
    return 0;
}

/*
 * reads.c: read, pread, readv, preadv, preadv2: what they return, and their errors
 *
 * Each call is made on the plain file and on the proxy; result, errno, bytes
 * and offset must be the same.
 *
 * run: fortify
 */
#include "check.h"

#include <sys/uio.h>

enum { ROOM = 3 * SMALL / 2 };

static unsigned char *room;

struct seen {
    long result;
    int error;
    off_t offset;
    uint64_t hash;
};

static struct seen saw(int fd, long result)
{
    struct seen seen = {.result = result, .error = errno, .offset = lseek(fd, 0, SEEK_CUR)};

    for (size_t i = 0; i < ROOM; i++)
        seen.hash = (seen.hash ^ room[i]) * 1099511628211u;
    return seen;
}

static struct seen once(int fd, int kind)
{
    struct iovec parts[3] = {{room, 100}, {room + 5000, 0}, {room + 9000, 70000}};
    struct iovec bad = {(void *)16, 100};
    void *nowhere = (void *)(uintptr_t)16;
    size_t huge = (size_t)1 << 62;
    int minus = -1, many = 2000; /* not where the compiler sees them */

    __asm__("" : "+r"(minus), "+r"(many), "+r"(nowhere));
    memset(room, 0xee, ROOM);
    CHECK(lseek(fd, 300000, SEEK_SET) == 300000);
    errno = 77; /* must survive a success */
    switch (kind) {
    case 0:
        return saw(fd, read(fd, room, 12345));
    case 1:
        return saw(fd, read(fd, room, 0));
    case 2:
        return saw(fd, syscall(SYS_pread64, fd, room + ROOM - 5000, huge, (off_t)SMALL - 5000));
    case 3:
        lseek(fd, 0, SEEK_END);
        errno = 77;
        return saw(fd, read(fd, room, 1000));
    case 4:
        lseek(fd, SMALL - 10, SEEK_SET);
        errno = 77;
        return saw(fd, read(fd, room, 1000));
    case 5:
        lseek(fd, SMALL + 100000, SEEK_SET);
        errno = 77;
        return saw(fd, read(fd, room, 1000));
    case 6:
        return saw(fd, read(fd, nowhere, 1000));
    case 7:
        return saw(fd, pread(fd, room, 70000, 500000));
    case 8:
        return saw(fd, pread(fd, room, 1000, SMALL));
    case 9:
        return saw(fd, pread(fd, room, 1000, SMALL - 7));
    case 10:
        return saw(fd, pread(fd, room, 1000, -1));
    case 11:
        return saw(fd, pread(fd, nowhere, 1000, 5));
    case 12:
        return saw(fd, readv(fd, parts, 3));
    case 13:
        return saw(fd, preadv(fd, parts, 3, 77777));
    case 14:
        return saw(fd, preadv2(fd, parts, 3, 88888, 0));
    case 15:
        return saw(fd, preadv2(fd, parts, 3, -1, 0));
    case 16:
        return saw(fd, preadv(fd, parts, 3, SMALL - 150));
    case 17:
        return saw(fd, readv(fd, &bad, 1));
    case 18:
        return saw(fd, readv(fd, parts, minus));
    case 19:
        return saw(fd, readv(fd, parts, 0));
    case 20:
        return saw(fd, preadv(fd, parts, 3, -5));
    case 21:
        return saw(fd, pread(fd, room, ROOM, 0));
    case 22:
        return saw(fd, write(fd, room, 10));
    case 23:
        return saw(fd, preadv2(fd, parts, 3, 4096, RWF_HIPRI));
    case 24:
        return saw(fd, readv(fd, parts, many));
    case 25:
        return saw(fd, pread(fd, room, 0, 5));
    case 26: /* the first part is good, the second is not: a short read */
        parts[1] = bad;
        return saw(fd, readv(fd, parts, 3));
    default:
        return (struct seen){.result = -99};
    }
}

static void compare(int plain, int proxied)
{
    for (int kind = 0;; kind++) {
        struct seen a = once(plain, kind), b = once(proxied, kind);

        if (a.result == -99)
            return;
        if (a.result != b.result || a.error != b.error || a.offset != b.offset || a.hash != b.hash)
            FAIL("call %d: result %ld errno %d offset %ld%s, of the file %ld %d %ld", kind,
                 b.result, b.error, (long)b.offset, a.hash == b.hash ? "" : ", other bytes",
                 a.result, a.error, (long)a.offset);
    }
}

/* Behind the end of the object, where the offset has no room to grow */
static void far_away(int proxied)
{
    struct iovec part = {room, 100};

    if (lseek(proxied, INT64_MAX - 15, SEEK_SET) != INT64_MAX - 15)
        return;
    errno = 77;
    CHECK(read(proxied, room, 100) == 0 && readv(proxied, &part, 1) == 0 && errno == 77);
    CHECK(lseek(proxied, 0, SEEK_CUR) == INT64_MAX - 15);
}

static void bad_descriptors(void)
{
    char byte;

    FAILS(read(-1, &byte, 1), EBADF);
    FAILS(pread(9999, &byte, 1, 0), EBADF);
    FAILS(read(70000, &byte, 1), EBADF);
    FAILS(lseek(9999, 0, SEEK_CUR), EBADF);
}

/* O_DIRECT has rules of its own for sizes; aligned reads work on every file system that has it */
static void direct(void)
{
    unsigned char *page = aligned_alloc(PAGE, 16 * PAGE);
    int fd = open(px("small"), O_RDONLY | O_DIRECT);

    CHECK(fd >= 0 && page != NULL);
    CHECK(pread(fd, page, 16 * PAGE, 8 * PAGE) == 16 * PAGE);
    BYTES(page, 16 * PAGE, 8 * PAGE);
    CHECK(close(fd) == 0);
}

int main(void)
{
    int plain = open(data("small"), O_RDONLY), proxied = open_px("small");

    room = malloc(ROOM);
    CHECK(room != NULL && plain >= 0);
    compare(plain, proxied);
    compare(plain, proxied); /* all is here now */
    far_away(proxied);
    bad_descriptors();
    direct();
    return 0;
}

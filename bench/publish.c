/*
 * publish.c: the ways to make bytes appear in lazy memory, beside each other
 *
 *     publish MEGABYTES
 *
 * For each way and chunk size, MEGABYTES of fresh memory that userfaultfd
 * watches are filled from one buffer, then read twice. Prints a table: the
 * microseconds of CPU that a chunk takes to fill, what all of it costs per
 * gigabyte (the fill, and the first read with its faults), and the speed of a
 * later read. A way that the kernel does not offer says so. Needs userfaultfd
 * with all its faults, as root has it. docs/PUBLISHING.md holds the results.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "timing.h"

/* Of Linux 6.1 and later; older headers lack them. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
struct move {
    uint64_t to, from, size, mode;
    int64_t moved;
};
#define UFFD_MOVE     _IOWR(UFFDIO, 0x05, struct move)
#define UFFD_CONTINUE _IOWR(UFFDIO, 0x07, struct uffdio_continue)

enum { HUGE = 2 << 20 };

static int uffd, image, pipe_ends[2];
static char *memory, *alias, *source, *staging;
static size_t size;

static bool failed(long result)
{
    return result < 0;
}

/* --- the ways: one chunk at offset; false: not offered ---------------------------------- */

static bool by_pwrite(size_t offset, size_t chunk)
{
    struct uffdio_range range = {(uintptr_t)memory + offset, chunk};

    return pwrite(image, source, chunk, (off_t)offset) == (ssize_t)chunk &&
           !failed(ioctl(uffd, UFFDIO_WAKE, &range));
}

static bool by_pwrite_populate(size_t offset, size_t chunk)
{
    return by_pwrite(offset, chunk) && !failed(madvise(memory + offset, chunk, MADV_POPULATE_READ));
}

static bool by_pwrite_collapse(size_t offset, size_t chunk)
{
    return by_pwrite(offset, chunk) && !failed(madvise(memory + offset, chunk, MADV_COLLAPSE));
}

/* As runtime/pour.c does. */
static bool by_splice(size_t offset, size_t chunk)
{
    struct uffdio_range range = {(uintptr_t)memory + offset, chunk};

    for (size_t done = 0; done < chunk;) {
        struct iovec vector = {source + done, chunk - done};
        ssize_t held = vmsplice(pipe_ends[1], &vector, 1, SPLICE_F_NONBLOCK);
        off_t at = (off_t)(offset + done);

        done += held > 0 ? (size_t)held : 0;
        while (held > 0) {
            ssize_t put = splice(pipe_ends[0], NULL, image, &at, (size_t)held, 0);
            if (put <= 0)
                return false;
            held -= put;
        }
        if (held < 0)
            return false;
    }
    return !failed(ioctl(uffd, UFFDIO_WAKE, &range));
}

/* The alias shows bytes that are not all there yet: only who faults is kept from them. */
static bool by_continue(size_t offset, size_t chunk)
{
    struct uffdio_continue more = {.range = {(uintptr_t)memory + offset, chunk}};

    memcpy(alias + offset, source, chunk);
    return !failed(ioctl(uffd, UFFD_CONTINUE, &more));
}

static bool by_copy(size_t offset, size_t chunk)
{
    struct uffdio_copy copy = {(uintptr_t)memory + offset, (uintptr_t)source, chunk, 0, 0};

    return !failed(ioctl(uffd, UFFDIO_COPY, &copy));
}

static bool by_move(size_t offset, size_t chunk)
{
    struct move move = {(uintptr_t)memory + offset, (uintptr_t)staging, chunk, 0, 0};

    memcpy(staging, source, chunk); /* in pages that the last move took away */
    return !failed(ioctl(uffd, UFFD_MOVE, &move));
}

static bool by_copy_collapse(size_t offset, size_t chunk)
{
    return by_copy(offset, chunk) && !failed(madvise(memory + offset, chunk, MADV_COLLAPSE));
}

/* Nobody watches: what any way costs at least */
static bool by_memcpy(size_t offset, size_t chunk)
{
    memcpy(memory + offset, source, chunk);
    return true;
}

/* --- memory for them --------------------------------------------------------------------- */

enum kind { IMAGE, IMAGE_MINOR, ANONYMOUS, UNWATCHED, UNWATCHED_HUGE };

static bool set_up(enum kind kind)
{
    bool is_file = kind == IMAGE || kind == IMAGE_MINOR;
    struct uffdio_register watch = {.mode = UFFDIO_REGISTER_MODE_MISSING};
    char *at;

    image = is_file ? memfd_create("publish", MFD_CLOEXEC) : -1;
    if (is_file && (image < 0 || ftruncate(image, (off_t)size) < 0))
        return false;
    /* aligned, so that huge pages fit */
    at = mmap(NULL, size + HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return false;
    at += HUGE - (uintptr_t)at % HUGE;
    memory = mmap(at, size, PROT_READ | PROT_WRITE,
                  MAP_FIXED | MAP_PRIVATE | (is_file ? 0 : MAP_ANONYMOUS), image, 0);
    if (memory == MAP_FAILED)
        return false;
    if (kind != IMAGE && kind != IMAGE_MINOR)
        madvise(memory, size, kind == UNWATCHED ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
    alias = is_file ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, image, 0) : NULL;
    if (kind == IMAGE_MINOR)
        watch.mode |= 1 << 2; /* UFFDIO_REGISTER_MODE_MINOR */
    watch.range = (struct uffdio_range){(uintptr_t)memory, size};
    return kind >= UNWATCHED || !failed(ioctl(uffd, UFFDIO_REGISTER, &watch));
}

static void take_down(void)
{
    munmap(memory, size);
    if (alias != NULL)
        munmap(alias, size);
    if (image >= 0)
        close(image);
}

/* --- the table ---------------------------------------------------------------------------- */

static const struct way {
    const char *name;
    enum kind kind;
    bool (*fill)(size_t, size_t);
    size_t least; /* bytes of the smallest chunk */
} ways[] = {{"image: pwrite", IMAGE, by_pwrite, 4096},
            {"image: through a pipe", IMAGE, by_splice, 4096},
            {"image: pwrite, MADV_POPULATE_READ", IMAGE, by_pwrite_populate, 4096},
            {"image: pwrite, MADV_COLLAPSE", IMAGE, by_pwrite_collapse, HUGE},
            {"image: write to an alias, CONTINUE", IMAGE_MINOR, by_continue, 4096},
            {"anonymous: COPY", ANONYMOUS, by_copy, 4096},
            {"anonymous: COPY, MADV_COLLAPSE", ANONYMOUS, by_copy_collapse, HUGE},
            {"anonymous: MOVE", ANONYMOUS, by_move, 4096},
            {"not watched: memcpy", UNWATCHED, by_memcpy, 4096},
            {"not watched: memcpy, huge pages", UNWATCHED_HUGE, by_memcpy, HUGE}};

static volatile uint64_t sum;

static double scan(void)
{
    const uint64_t *words = (const uint64_t *)memory;
    double begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    uint64_t sums[4] = {0};

    for (size_t i = 0; i < size / sizeof(*words); i += 4)
        for (int j = 0; j < 4; j++)
            sums[j] += words[i + j];
    sum = sums[0] + sums[1] + sums[2] + sums[3];
    return clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
}

static void check(const char *name)
{
    for (size_t at = 0; at < size; at += HUGE)
        if (memcmp(memory + at, source, HUGE) != 0) {
            fprintf(stderr, "publish: %s: wrong bytes\n", name);
            exit(1);
        }
}

static void measure(const struct way *way, size_t chunk)
{
    double begin, fill, first, later;
    size_t from = 0;

    printf("%-36s %7zu ", way->name, chunk >> 10);
    if (!set_up(way->kind)) {
        printf("not offered: %s\n", strerror(errno));
        return;
    }
    begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    for (size_t at = 0; at < size; at += chunk, from = (from + chunk) % HUGE) {
        source += from;
        if (!way->fill(at, chunk)) {
            printf("not offered: %s\n", strerror(errno));
            source -= from;
            take_down();
            return;
        }
        source -= from;
    }
    fill = clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
    first = scan();
    later = scan();
    check(way->name);
    take_down();
    printf("%9.2f %10.0f %10.0f %10.1f\n", fill / 1e3 / ((double)size / (double)chunk),
           fill / 1e6 / ((double)size / 1e9), first / 1e6 / ((double)size / 1e9),
           (double)size / later);
}

static bool open_uffd(void)
{
    struct uffdio_api api = {.api = UFFD_API};

    uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    return uffd >= 0 && !failed(ioctl(uffd, UFFDIO_API, &api));
}

int main(int argc, char **argv)
{
    static const size_t chunks[] = {4 << 10, 64 << 10, 1 << 20, HUGE};

    size = argc == 2 ? strtoull(argv[1], NULL, 10) << 20 : 0;
    if (size < HUGE || size % HUGE != 0) {
        fputs("usage: publish MEGABYTES (a multiple of 2)\n", stderr);
        return 2;
    }
    if (!open_uffd() || pipe2(pipe_ends, O_CLOEXEC) < 0) {
        perror("publish: userfaultfd");
        return 1;
    }
    source = aligned_alloc(HUGE, 2 * HUGE);
    staging = aligned_alloc(HUGE, HUGE);
    if (source == NULL || staging == NULL)
        return 1;
    madvise(staging, HUGE, MADV_HUGEPAGE);
    for (size_t i = 0; i < 2 * HUGE; i++)
        source[i] = (char)(1 + (i % HUGE) * 2654435761U % 255);
    printf("%-36s %7s %9s %10s %10s %10s\n", "way", "KiB", "us/chunk", "fill ms/GB", "read ms/GB",
           "later GB/s");
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
        for (size_t j = 0; j < sizeof(chunks) / sizeof(*chunks); j++)
            if (chunks[j] >= ways[i].least)
                measure(&ways[i], chunks[j]);
    return 0;
}

/*
 * touch.c: first touches of random pages of a lazy map, beside those of a native file's
 *
 *     touch PROXY NATIVE TOUCHES
 *
 * NATIVE is a file of the same size, mapped by mmap(2). Pages that are there
 * already are left out. Prints name=value words, as print_figure in timing.h
 * does: the microseconds that a touch of the lazy map takes (lazy) and one of
 * the native file (native), and the number of pairs.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include <ps/ps.h>

#include "random.h"
#include "timing.h"

enum { PAGE = 4096 };

static struct took touch(const char *page)
{
    struct took begin = now();

    (void)*(volatile const char *)page;
    return since(begin);
}

static double lazy_us(const struct pair *pair)
{
    return pair->second.wall / 1e3;
}

static double native_us(const struct pair *pair)
{
    return pair->first.wall / 1e3;
}

int main(int argc, char **argv)
{
    size_t touches = argc == 4 ? (size_t)strtoull(argv[3], NULL, 10) : 0, size = 0;
    struct pairs pairs = {allocate(touches + 1, sizeof(struct pair)), 0};
    struct ps_error err = {0};
    uint64_t state = 42;
    const char *lazy, *native;

    if (touches == 0) {
        fputs("usage: touch PROXY NATIVE TOUCHES\n", stderr);
        return 2;
    }
    lazy = ps_lazy_map(argv[1], &size, NULL, &err);
    if (lazy == NULL || size < PAGE) {
        fprintf(stderr, "touch: %s\n", lazy ? "the object is too small" : err.message);
        return 1;
    }
    native = mmap(NULL, size, PROT_READ, MAP_SHARED, open(argv[2], O_RDONLY), 0);
    if (native == MAP_FAILED) {
        perror(argv[2]);
        return 1;
    }
    for (size_t i = 0; i < touches; i++) {
        size_t at = next_random(&state) % (size / PAGE) * PAGE;

        if (!ps_is_resolved(lazy, at, PAGE))
            pairs.pair[pairs.count++] = (struct pair){touch(native + at), touch(lazy + at)};
    }
    print_figure(&pairs, "lazy", lazy_us);
    print_figure(&pairs, "native", native_us);
    printf("pairs=%zu\n", pairs.count);
    return 0;
}

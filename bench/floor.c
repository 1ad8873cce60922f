/*
 * floor.c: the least that a first touch takes: handlers that do nothing but publish a page
 *
 *     floor uffd|segv TOUCHES
 *
 * uffd: a thread reads events without a pause, writes the page to the image and
 * wakes the toucher. segv: the handler of SIGSEGV writes the page and opens it
 * by mprotect. Prints the microseconds of a touch as a name=value word, as
 * print_figure in timing.h does (floor).
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "random.h"
#include "timing.h"

enum { PAGE = 4096, SIZE = 256 << 20 };

static int image, uffd;
static char *memory;
static char page[PAGE];

static void stop(const char *what)
{
    perror(what);
    exit(1);
}

static void publish(uintptr_t at)
{
    if (pwrite(image, page, PAGE, (off_t)(at - (uintptr_t)memory)) != PAGE)
        stop("floor: pwrite");
}

static void *serve(void *unused)
{
    struct uffd_msg event;

    for (;;)
        if (read(uffd, &event, sizeof(event)) == sizeof(event)) {
            uintptr_t at = (uintptr_t)event.arg.pagefault.address & ~(uintptr_t)(PAGE - 1);
            struct uffdio_range range = {at, PAGE};

            publish(at);
            ioctl(uffd, UFFDIO_WAKE, &range);
        }
    return unused;
}

static void watch(void)
{
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register range = {{(uintptr_t)memory, SIZE}, UFFDIO_REGISTER_MODE_MISSING, 0};
    pthread_t thread;

    uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | 1 /* UFFD_USER_MODE_ONLY */);
    if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) < 0 || ioctl(uffd, UFFDIO_REGISTER, &range) < 0 ||
        pthread_create(&thread, NULL, serve, NULL) != 0)
        stop("floor: userfaultfd");
}

static void on_segv(int number, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1);

    (void)number;
    (void)context;
    publish(at);
    mprotect((void *)at, PAGE, PROT_READ);
}

static void handle(void)
{
    struct sigaction action = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};

    if (mprotect(memory, SIZE, PROT_NONE) < 0 || sigaction(SIGSEGV, &action, NULL) < 0)
        stop("floor: SIGSEGV");
}

static double floor_us(const struct pair *pair)
{
    return pair->first.wall / 1e3;
}

int main(int argc, char **argv)
{
    size_t touches = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    struct pairs pairs = {allocate(touches + 1, sizeof(struct pair)), 0};
    uint64_t state = 42;

    if (touches == 0) {
        fputs("usage: floor uffd|segv TOUCHES\n", stderr);
        return 2;
    }
    memset(page, 7, PAGE);
    image = memfd_create("floor", MFD_CLOEXEC);
    memory = image < 0 || ftruncate(image, SIZE) < 0
                 ? MAP_FAILED
                 : mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, image, 0);
    if (memory == MAP_FAILED)
        stop("floor: memory");
    if (strcmp(argv[1], "uffd") == 0)
        watch();
    else
        handle();
    for (size_t i = 0; i < touches; i++) {
        const char *at = memory + next_random(&state) % (SIZE / PAGE) * PAGE;
        struct took begin = now();

        if (*(volatile const char *)at != 7)
            stop("floor: a wrong byte");
        pairs.pair[pairs.count++].first = since(begin);
    }
    print_figure(&pairs, "floor", floor_us);
    printf("pairs=%zu\n", pairs.count);
    return 0;
}

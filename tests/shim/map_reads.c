/* map_reads.c: mappings of a proxy show the object: private, shared, populated, with an offset */
#include "check.h"

static void whole(int flags)
{
    unsigned char *at = map_px("small", SMALL, PROT_READ, flags);

    CHECK(at[SMALL - 1] == byte_at(SMALL - 1)); /* from the end: nothing is read ahead of it */
    BYTES(at + SMALL / 2, 5000, SMALL / 2);
    BYTES(at, SMALL, 0);
    CHECK(munmap(at, SMALL) == 0);
}

static void with_offset(int flags)
{
    int fd = open_px("small");
    unsigned char *at = mmap(NULL, 5 * PAGE, PROT_READ, flags, fd, 17 * PAGE);

    CHECK(at != MAP_FAILED);
    BYTES(at, 5 * PAGE, 17 * PAGE);
    CHECK(munmap(at, 5 * PAGE) == 0 && close(fd) == 0);
}

/* As for any file: a tail of zeros on the last page, and SIGBUS behind it. */
static void past_the_end(int flags)
{
    size_t end = (SMALL + PAGE - 1) / PAGE * PAGE;
    unsigned char *at = map_px("small", end + 3 * PAGE, PROT_READ, flags);

    catch_faults(SIGBUS);
    for (size_t i = SMALL; i < end; i++)
        CHECK(at[i] == 0);
    CHECK(at[SMALL - 1] == byte_at(SMALL - 1));
    CHECK(FAULT((void)*(volatile unsigned char *)(at + end + 10)) == SIGBUS);
    CHECK(fault_address == at + end + 10);
    CHECK(FAULT((void)*(volatile unsigned char *)(at + end + 2 * PAGE)) == SIGBUS);
    CHECK(munmap(at, end + 3 * PAGE) == 0);
}

static void odd_sizes(void)
{
    struct {
        const char *name;
        size_t size;
    } objects[] = {{"one", 1}, {"page-1", PAGE - 1}, {"page", PAGE}, {"page+1", PAGE + 1}};
    int fd;

    for (int i = 0; i < 4; i++) {
        unsigned char *at = map_px(objects[i].name, objects[i].size, PROT_READ, MAP_PRIVATE);
        BYTES(at, objects[i].size, 0);
        CHECK(munmap(at, objects[i].size) == 0);
    }
    fd = open_px("empty");
    FAILS(mmap(NULL, 0, PROT_READ, MAP_PRIVATE, fd, 0), EINVAL);
    CHECK(read(fd, &fd, 1) == 0);
}

static void errors(void)
{
    int fd = open_px("small");

    FAILS(mmap(NULL, SMALL, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EACCES);
    FAILS(mmap(NULL, SMALL, PROT_READ, MAP_PRIVATE, fd, 100), EINVAL);
    FAILS(mmap(NULL, SMALL, PROT_READ, 0, fd, 0), EINVAL);
    FAILS(mmap(NULL, SMALL, PROT_READ, MAP_PRIVATE, 9999, 0), EBADF);
    CHECK(close(fd) == 0);
}

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
    ALONE(whole(MAP_PRIVATE));
    ALONE(whole(MAP_SHARED));
    ALONE(whole(MAP_SHARED | MAP_POPULATE));
    ALONE(whole(MAP_PRIVATE | MAP_POPULATE));
    ALONE(whole(MAP_PRIVATE | MAP_NORESERVE));
    ALONE(with_offset(MAP_PRIVATE));
    ALONE(with_offset(MAP_SHARED));
    ALONE(past_the_end(MAP_PRIVATE));
    ALONE(past_the_end(MAP_SHARED));
    ALONE(odd_sizes());
    ALONE(errors());
    return 0;
}

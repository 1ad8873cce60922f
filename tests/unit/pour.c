/* pour.c: bytes come into an image as whole pages, through pipes that nothing is left in */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../runtime/pour.h"

enum { PAGE = 4096, PAGES = 300, SIZE = PAGES * PAGE };

static int image(void)
{
    int fd = memfd_create("image", MFD_CLOEXEC);

    cr_assert(fd >= 0 && ftruncate(fd, SIZE) == 0);
    cr_assert_eq(ps_pour_start(), 0);
    return fd;
}

static char *source(void)
{
    char *bytes = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    cr_assert_neq(bytes, MAP_FAILED);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)(1 + i * 7 % 251);
    return bytes;
}

static void expect_bytes(int fd, const char *bytes, size_t size, off_t offset)
{
    char *copy = malloc(size);

    cr_assert_eq(pread(fd, copy, size, offset), (ssize_t)size);
    cr_assert_eq(memcmp(copy, bytes, size), 0);
    free(copy);
}

Test(pour, all_bytes_come)
{
    static const struct {
        size_t from, size, to;
    } parts[] = {{0, 1, 0}, {3, 2 * PAGE, PAGE - 1}, {0, SIZE, 0}, {17, SIZE - 4242, 4225}};
    char *bytes = source();
    int fd = image();

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        cr_assert_eq(ps_pour(fd, bytes + parts[i].from, parts[i].size, parts[i].to), 0);
        expect_bytes(fd, bytes + parts[i].from, parts[i].size, (off_t)parts[i].to);
    }
}

/* write(2) leaves a page of zeros there, and so shows one whenever it has to try again. */
Test(pour, a_page_that_can_not_be_read_is_no_page_of_zeros)
{
    char *bytes = source();
    int fd = image();

    cr_assert_eq(mprotect(bytes + 20 * PAGE, PAGE, PROT_NONE), 0);
    cr_assert_eq(ps_pour(fd, bytes, SIZE, 0), -EFAULT);
    cr_assert_leq(lseek(fd, 0, SEEK_HOLE), 20 * PAGE);
    expect_bytes(fd, bytes, (size_t)lseek(fd, 0, SEEK_HOLE), 0);
    cr_assert_eq(lseek(fd, 20 * PAGE, SEEK_DATA), -1);
}

/* What could not be written is not what the next one writes. */
Test(pour, nothing_is_left_in_a_pipe)
{
    char *bytes = source();
    int fd = image(), sealed = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    cr_assert(sealed >= 0 && fcntl(sealed, F_ADD_SEALS, F_SEAL_GROW) == 0);
    for (int i = 0; i < 20; i++) {
        cr_assert_lt(ps_pour(sealed, bytes, SIZE, 0), 0);
        cr_assert_eq(ps_pour(fd, bytes + i, SIZE - PAGE, 0), 0);
        expect_bytes(fd, bytes + i, SIZE - PAGE, 0);
    }
}

/* Both at once: in one pipe their bytes would be mixed. */
static void pour_often(int fd, const char *bytes, int from)
{
    for (int i = from; i < from + 200; i++) {
        if (ps_pour(fd, bytes + i, SIZE - PAGE, 0) != 0)
            _exit(1);
        expect_bytes(fd, bytes + i, SIZE - PAGE, 0);
    }
}

Test(pour, a_child_has_pipes_of_its_own)
{
    char *bytes = source();
    int fd = image(), status;
    pid_t child = fork();

    if (child == 0) {
        ps_pour_fork_child();
        pour_often(image(), bytes, 200);
        _exit(0);
    }
    pour_often(fd, bytes, 0);
    cr_assert(waitpid(child, &status, 0) == child && status == 0);
}

/* Some threads of the parent pour, and wait for each other, all the time. */
static atomic_bool ended;

static void *pour_on(void *fd)
{
    static const char bytes[SIZE];

    while (!atomic_load(&ended))
        ps_pour(*(int *)fd, bytes, SIZE, 0);
    return NULL;
}

/* Whoever sleeps, or wakes somebody, dies. */
static void forbid_futex(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit(2);
}

Test(pour, a_child_waits_for_nobody_of_its_parent)
{
    char *bytes = source();
    int fd = image(), status = 0;
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, pour_on, &fd), 0);
    for (int i = 0; i < 50 && status == 0; i++) {
        pid_t child = fork();

        if (child == 0) {
            ps_pour_fork_child();
            forbid_futex();
            for (int pour = 0; pour < 3; pour++)
                if (ps_pour(fd, bytes, SIZE, 0) != 0)
                    _exit(1);
            _exit(0);
        }
        cr_expect(waitpid(child, &status, 0) == child);
        cr_expect_eq(status, 0, "child %d: 0x%x", i, status);
    }
    atomic_store(&ended, true);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

Test(pour, a_child_that_nobody_told_of_does_without_pipes)
{
    char *bytes = source();
    int fd = image(), status;
    pid_t child = fork();

    if (child == 0) {
        int own = memfd_create("own", MFD_CLOEXEC);

        if (ftruncate(own, SIZE) < 0)
            _exit(2);
        pour_often(own, bytes, 200);
        _exit(0);
    }
    pour_often(fd, bytes, 0);
    cr_assert(waitpid(child, &status, 0) == child && status == 0);
}

/* As some containers and emulated kernels do. */
static void forbid_vmsplice(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_vmsplice, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

Test(pour, goes_without_pipes_where_the_kernel_has_no_vmsplice)
{
    char *bytes = source();
    int fd = image();

    forbid_vmsplice();
    cr_assert_eq(ps_pour(fd, bytes, SIZE, 0), 0);
    expect_bytes(fd, bytes, SIZE, 0);
}

/* More at once than there are pipes: each waits for its turn, and none goes without. */
enum { THREADS = 8 };

static void *pour_at_once(void *bytes)
{
    int fd = memfd_create("own", MFD_CLOEXEC);

    cr_assert(fd >= 0 && ftruncate(fd, SIZE) == 0);
    for (int i = 0; i < 300; i++) {
        off_t at = i % 200 * PAGE;

        cr_assert_eq(ps_pour(fd, bytes, PAGE, (uint64_t)at), 0);
        expect_bytes(fd, bytes, PAGE, at);
        cr_assert_eq(ftruncate(fd, 0) + ftruncate(fd, SIZE), 0);
    }
    close(fd);
    return NULL;
}

Test(pour, more_at_once_than_there_are_pipes)
{
    pthread_t threads[THREADS];
    char *bytes = source();

    close(image());
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, pour_at_once, bytes), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

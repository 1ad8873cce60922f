/* backends_file_hard.c: the file backend among careless writers, on full disks, robbed of
 * descriptors */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "backends_help.h"

/* --- a writer that is not careful --------------------------------------------------- */

struct vandal {
    const char *path;
    atomic_bool stop;
};

static void *cut_and_grow(void *argument)
{
    struct vandal *vandal = argument;
    char zeros[4096] = "";

    while (!atomic_load(&vandal->stop)) {
        int fd = open(vandal->path, O_WRONLY | O_TRUNC);

        for (int i = 0; i < 256 && fd >= 0; i++)
            if (write(fd, zeros, sizeof(zeros)) < 0)
                break;
        close(fd);
    }
    return NULL;
}

Test(file, bytes_of_a_file_that_is_rewritten_never_pass_for_the_object, .timeout = 60)
{
    enum { SIZE = 1 << 20 };
    struct ps_object_info info;
    struct vandal vandal = {0};
    struct place p;
    pthread_t thread;
    unsigned char *buffer = malloc(SIZE);

    open_place(&p, "file://%s");
    vandal.path = path_in(&p, "k");
    for (unsigned round = 0; round < 30; round++) {
        cr_assert_eq(put(&p, "k", SIZE, round, &info), 0, "%s", p.err.message);
        atomic_store(&vandal.stop, false);
        cr_assert_eq(pthread_create(&thread, NULL, cut_and_grow, &vandal), 0);
        for (int i = 0; i < 20; i++) {
            int result = read_some(&p, "k", &info, buffer, SIZE, 0);

            cr_assert(result == PS_E_STALE ||
                          (result == 0 && first_wrong(buffer, SIZE, 0, round) == SIZE),
                      "result %d, %s", result, p.err.message);
        }
        atomic_store(&vandal.stop, true);
        pthread_join(thread, NULL);
    }
    free(buffer);
    close_place(&p);
}

/* --- descriptors that are kept open ---------------------------------------------------- */

Test(file, a_program_may_close_and_reuse_every_descriptor)
{
    struct ps_object_info info;
    struct place p;
    int mine;

    open_place(&p, "file://%s");
    cr_assert_eq(put(&p, "k", 5000, 9, &info), 0, "%s", p.err.message);
    write_file(&p, "other", "not the object");
    expect_bytes(&p, "k", &info, 5000, 0, 9);
    mine = open(path_in(&p, "other"), O_RDONLY);
    for (int fd = mine + 1; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            cr_assert_eq(dup2(mine, fd), fd);
    expect_bytes(&p, "k", &info, 5000, 0, 9);
    for (int fd = mine + 1; fd < 1024; fd++)
        close(fd);
    expect_bytes(&p, "k", &info, 5000, 0, 9);
    close_place(&p);
}

Test(file, descriptors_are_not_leaked)
{
    struct ps_object_info info;
    struct place p;
    char key[16];
    int before, after, open_count = 0;

    open_place(&p, "file://%s");
    before = dup(0);
    close(before);
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "k%d", i % 20);
        cr_assert_eq(put(&p, key, 10, (unsigned)i, &info), 0, "%s", p.err.message);
        expect_bytes(&p, key, &info, 10, 0, (unsigned)i);
    }
    after = dup(0);
    close(after);
    cr_assert_eq(before, after, "low numbers are in use");
    p.b->close(p.h);
    p.h = NULL;
    for (int fd = before; fd < 1024; fd++)
        open_count += fcntl(fd, F_GETFD) >= 0 && fd >= 300;
    cr_assert_eq(open_count, 0);
    close_place(&p);
}

/* --- no room ------------------------------------------------------------------------------ */

Test(file, a_put_over_the_file_size_limit_leaves_nothing)
{
    struct rlimit limit = {.rlim_cur = 2 << 20, .rlim_max = RLIM_INFINITY}, old;
    struct ps_object_info info, ignored;
    struct place p;

    open_place(&p, "file://%s");
    cr_assert_eq(put(&p, "k", 10, 1, &info), 0, "%s", p.err.message);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    limit.rlim_max = old.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    expect_code(&p, put(&p, "k", 3 << 20, 2, &ignored), PS_E_SYSTEM);
    cr_assert_eq(p.err.sys_errno, EFBIG);
    setrlimit(RLIMIT_FSIZE, &old);
    cr_assert_eq(count_files(&p, ".*"), 0);
    expect_bytes(&p, "k", &info, 10, 0, 1);
    close_place(&p);
}

Test(file, a_put_on_a_full_disk_leaves_nothing)
{
    struct ps_object_info info, ignored;
    struct place p;

    open_place(&p, "file://%s/small");
    cr_assert_eq(mkdir(path_in(&p, "small"), 0700), 0);
    if (mount("none", path_in(&p, "small"), "tmpfs", 0, "size=1M") < 0) {
        close_place(&p);
        cr_skip_test("can't mount a small file system");
    }
    cr_assert_eq(put(&p, "k", 10, 1, &info), 0, "%s", p.err.message);
    expect_code(&p, put(&p, "k", 3 << 20, 2, &ignored), PS_E_SYSTEM);
    cr_assert_eq(p.err.sys_errno, ENOSPC);
    cr_assert(strstr(p.err.message, "small/k"), "%s", p.err.message);
    cr_assert_eq(count_files(&p, ".*"), 0);
    expect_bytes(&p, "k", &info, 10, 0, 1);
    p.b->close(p.h);
    p.h = NULL;
    umount(path_in(&p, "small"));
    close_place(&p);
}

Test(file, an_unreadable_object_is_an_error)
{
    struct ps_object_info info;
    struct place p;
    char byte;

    open_place(&p, "file://%s");
    cr_assert_eq(put(&p, "k", 10, 1, &info), 0, "%s", p.err.message);
    cr_assert_eq(chmod(path_in(&p, "k"), 0), 0);
    if (geteuid() != 0) {
        expect_code(&p, p.b->read(p.h, "k", &info, &byte, 1, 0, &p.err), PS_E_SYSTEM);
        cr_assert_eq(p.err.sys_errno, EACCES);
    }
    close_place(&p);
}

/*
 * vforks.c: what a vforked child does to its descriptors must not mislead the parent
 *
 * The child runs in the parent's memory but has descriptors of its own: it
 * puts plain files where the parent has proxies, as posix_spawn's callers and
 * Python's subprocess do. The parent then reads holes if what is remembered of
 * a number is believed, and has an image under a wrong number if libps's own
 * threads, whose descriptors are the parent's, act on the child's number.
 */
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <spawn.h>

static unsigned char piece[PAGE];
static int fd, null;

static void check_parent(uint64_t at)
{
    CHECK(pread(fd, piece, PAGE, (off_t)at) == PAGE);
    BYTES(piece, PAGE, at);
}

/* In a function of its own: the frame of vfork's caller must stay. */
static void with_vfork(int how)
{
    pid_t child = vfork();
    int status;

    if (child == 0) {
        if (how == 0) {
            dup2(null, fd);
        } else if (how == 1) {
            close(fd);
            open("/dev/null", O_RDONLY); /* the same number */
        } else if (how == 2) {
            close(fd);
            open(data("small"), O_RDONLY);
        } else if (how == 3) {
            close_range(3, ~0U, 0);
        } else {
            close(null); /* the parent's number of it must stay what it is */
            if (open(px("small"), O_RDONLY) != null || pread(null, piece, 9, 70000) != 9 ||
                piece[8] != byte_at(70008))
                _exit(1);
        }
        read(fd, piece, 1);
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    CHECK(read(null, piece, 1) == 0);
}

/* A thread with descriptors of its own opens a proxy under a number that the others have too. */
static void *unshared(void *unused)
{
    if (unshare(CLONE_FILES) == 0) {
        CHECK(close(null) == 0 && open(px("small"), O_RDONLY) == null);
        CHECK(pread(null, piece, PAGE, 9 * PAGE) == PAGE);
        BYTES(piece, PAGE, 9 * PAGE);
    }
    return unused;
}

/* The parent's descriptor keeps the name of the two that it was opened by. */
static void named(void)
{
    struct stat by_path, st;
    int kept = fd;

    fd = open_px("small.other");
    CHECK(stat(px("small.other"), &by_path) == 0);
    for (int how = 0; how < 4; how++) {
        with_vfork(how);
        CHECK(fstat(fd, &st) == 0 && st.st_ino == by_path.st_ino);
    }
    CHECK(close(fd) == 0);
    fd = kept;
}

int main(void)
{
    char *arguments[] = {(char *)"true", NULL}, *none[] = {(char *)"LD_PRELOAD=", NULL};
    posix_spawn_file_actions_t actions;
    unsigned char *map;
    pthread_t thread;
    pid_t child;

    null = open("/dev/null", O_RDONLY);
    fd = open_px("big");
    check_parent(0);
    for (int how = 0; how < 5; how++) {
        with_vfork(how);
        check_parent((uint64_t)(how + 1) * 4000000);
    }
    named();
    CHECK(posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawn_file_actions_adddup2(&actions, null, fd) == 0);
    CHECK(posix_spawn(&child, "/bin/true", &actions, NULL, arguments, none) == 0);
    CHECK(waitpid(child, NULL, 0) == child);
    check_parent(22000000);
    CHECK(system("exit 0") == 0);
    check_parent(26000000);
    map = map_px("big", BIG, PROT_READ, MAP_PRIVATE);
    with_vfork(3);
    BYTES(map + 30000000, PAGE, 30000000);
    check_parent(34000000);
    CHECK(pthread_create(&thread, NULL, unshared, NULL) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(read(null, piece, 1) == 0);
    check_parent(36000000);
    return 0;
}

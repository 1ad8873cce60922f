/* backends_trace.c: the trace wrapper */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "backends_help.h"

/* What a line says; times are checked for their form only. */
struct line {
    long pid;
    char call[16], key[64], offset[24], size[24], result[48];
};

static void trace_into(const struct place *room)
{
    setenv("PS_TRACE", path_in(room, "trace"), 1);
}

static size_t read_lines(const struct place *room, struct line *lines, size_t most)
{
    FILE *file = fopen(path_in(room, "trace"), "r");
    char text[1024], time[32], took[32], rest;
    size_t count = 0;

    cr_assert_not_null(file);
    for (; fgets(text, sizeof(text), file) != NULL; count++) {
        struct line *l = &lines[count];

        cr_assert_lt(count, most, "more lines: %s", text);
        cr_assert_eq(sscanf(text, "%31[0-9.] %ld %15s %63s %23s %23s %31[0-9.] %47s%c", time,
                            &l->pid, l->call, l->key, l->offset, l->size, took, l->result, &rest),
                     9, "'%s'", text);
        cr_assert(rest == '\n' && strlen(time) == 17 && strlen(took) >= 8, "'%s'", text);
    }
    fclose(file);
    return count;
}

/* The lines, as "CALL KEY OFFSET SIZE RESULT;" each, until the next call. */
static const char *lines_of(const struct place *room)
{
    static char all[4096];
    struct line lines[64];
    size_t count = read_lines(room, lines, 64), used = 0;

    all[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(lines[i].pid, getpid());
        used += (size_t)snprintf(all + used, sizeof(all) - used, "%s %s %s %s %s;", lines[i].call,
                                 lines[i].key, lines[i].offset, lines[i].size, lines[i].result);
        cr_assert_lt(used, sizeof(all));
    }
    return all;
}

Test(trace, each_call_has_a_line)
{
    struct ps_object_info info, other;
    struct place p, room;
    char bytes[8];

    make_folder(&room);
    trace_into(&room);
    open_place(&p, "trace+memory://t");
    cr_assert_eq(put(&p, "k", 1000, 4, &info), 0);
    cr_assert_eq(p.b->stat(p.h, "k", &other, &p.err), 0);
    cr_assert_eq(p.b->exists(p.h, "k", &p.err), 1);
    expect_bytes(&p, "k", &info, 8, 99, 4);
    cr_assert_eq(p.b->evict(p.h, "k", &p.err), 0);
    cr_assert_eq(p.b->exists(p.h, "k", &p.err), 0);
    expect_code(&p, p.b->read(p.h, "k", &info, bytes, 8, 0, &p.err), PS_E_NOT_FOUND);
    expect_code(&p, p.b->descriptor(p.h, "k", &info, &p.err), PS_E_UNSUPPORTED);
    close_place(&p);
    cr_assert_str_eq(lines_of(&room), "open - - - ok;put k - 1000 ok;stat k - 1000 ok;"
                                      "exists k - - yes;read k 99 8 ok;evict k - - ok;"
                                      "exists k - - no;read k 0 8 NOT_FOUND;"
                                      "descriptor k - - UNSUPPORTED;close - - - ok;");
    close_place(&room);
}

static int count_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 4096; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

Test(trace, nothing_is_opened_without_the_variable)
{
    struct ps_object_info info;
    struct place p;
    int before;

    unsetenv("PS_TRACE");
    for (int i = 0; i < 2; i++, setenv("PS_TRACE", "", 1)) {
        before = count_descriptors();
        open_place(&p, "trace+memory://t");
        cr_assert_eq(put(&p, "k", 1000, 4, &info), 0);
        expect_bytes(&p, "k", &info, 1000, 0, 4);
        cr_assert_eq(count_descriptors(), before);
        close_place(&p);
    }
}

Test(trace, a_proxy_can_not_name_a_file)
{
    struct place p = {0};

    expect_code(&p, try_place(&p, "trace+memory://t?trace.file=/tmp/x"), PS_E_INVALID);
    expect_code(&p, try_place(&p, "trace+retry+trace+memory://t"), PS_E_INVALID);
    close_place(&p);
}

Test(trace, a_failure_is_handed_on_with_its_errno)
{
    struct ps_object_info info;
    struct place p, room;

    make_folder(&room);
    trace_into(&room);
    open_place(&p, "trace+file://%s");
    expect_code(&p, p.b->stat(p.h, "none", &info, &p.err), PS_E_NOT_FOUND);
    cr_assert_eq(p.err.sys_errno, ENOENT);
    cr_assert_not_null(strstr(lines_of(&room), ";stat none - - NOT_FOUND/2;"));
    close_place(&p);
    /* an open that fails is told, too */
    expect_code(&p, try_place(&p, "trace+memory://t?no.such=1"), PS_E_INVALID);
    cr_assert_not_null(strstr(lines_of(&room), ";close - - - ok;open - - - INVALID;"));
    close_place(&room);
}

Test(trace, below_retry_each_try_has_a_line)
{
    struct ps_object_info info;
    struct place p, room;

    make_folder(&room);
    trace_into(&room);
    open_place(&p, "retry+trace+fail+memory://t?fail.every=2&retry.min=1ms");
    cr_assert_eq(put(&p, "k", 10, 4, &info), 0);
    expect_bytes(&p, "k", &info, 10, 0, 4);
    expect_bytes(&p, "k", &info, 10, 0, 4);
    cr_assert_not_null(
        strstr(lines_of(&room), "read k 0 10 ok;read k 0 10 UNAVAILABLE;read k 0 10 ok;"));
    close_place(&p);
    close_place(&room);
}

Test(trace, a_key_is_one_word)
{
    struct ps_object_info info;
    struct place p, room;
    char key[5000];

    make_folder(&room);
    trace_into(&room);
    open_place(&p, "trace+memory://t");
    cr_assert_eq(put(&p, "a b\n%\xc3\xa4", 1, 4, &info), 0);
    cr_assert_not_null(strstr(lines_of(&room), ";put a%20b%0A%25%C3%A4 - 1 ok;"));
    /* longer than any that a proxy can have: cut, but still one line */
    memset(key, '\n', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    cr_assert_eq(put(&p, key, 1, 4, &info), 0);
    close_place(&p);
    cr_assert_eq(system("test $(wc -l <\"$PS_TRACE\") = 4"), 0);
    close_place(&room);
}

static void *read_often(void *argument)
{
    const struct place *shared = argument;
    struct place own = *shared;
    struct ps_object_info info;
    char byte;

    if (own.b->stat(own.h, "k", &info, &own.err) != 0)
        return argument;
    for (int i = 0; i < 500; i++)
        if (read_some(&own, "k", &info, &byte, 1, 0) != 0)
            return argument;
    return NULL;
}

Test(trace, lines_of_many_threads_stay_whole)
{
    static struct line lines[5000];
    struct place p, room;
    struct ps_object_info info;
    pthread_t threads[8];
    void *failed;

    make_folder(&room);
    trace_into(&room);
    open_place(&p, "trace+memory://t");
    cr_assert_eq(put(&p, "k", 1, 4, &info), 0);
    for (int i = 0; i < 8; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, read_often, &p), 0);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], &failed);
        cr_assert_null(failed);
    }
    close_place(&p);
    cr_assert_eq(read_lines(&room, lines, 5000), 3 + 8 * 501);
    close_place(&room);
}

Test(trace, only_a_regular_file_is_written_to)
{
    struct place p = {0}, room;

    make_folder(&room);
    setenv("PS_TRACE", path_in(&room, "none/trace"), 1);
    expect_code(&p, try_place(&p, "trace+memory://t"), PS_E_SYSTEM);
    cr_assert(p.err.sys_errno == ENOENT && strncmp(p.err.message, "PS_TRACE: ", 10) == 0);
    setenv("PS_TRACE", room.folder, 1);
    expect_code(&p, try_place(&p, "trace+memory://t"), PS_E_SYSTEM);
    trace_into(&room);
    cr_assert_eq(mkfifo(path_in(&room, "trace"), 0600), 0);
    /* with a reader, as without one the open fails already */
    cr_assert_geq(open(path_in(&room, "trace"), O_RDONLY | O_NONBLOCK), 0);
    expect_code(&p, try_place(&p, "trace+memory://t"), PS_E_INVALID);
    close_place(&p);
    close_place(&room);
}

Test(trace, a_full_file_loses_lines_and_nothing_else)
{
    struct rlimit limit = {100, 100};
    struct ps_object_info info;
    struct place p, room;
    struct stat st;

    make_folder(&room);
    trace_into(&room);
    open_place(&p, "trace+memory://t");
    cr_assert_eq(put(&p, "k", 10, 4, &info), 0);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    for (int i = 0; i < 5; i++)
        expect_bytes(&p, "k", &info, 10, 0, 4);
    cr_assert(stat(path_in(&room, "trace"), &st) == 0 && st.st_size == 100);
    close_place(&p);
    close_place(&room);
}

/* The number of the descriptor that shows path. */
static int number_of(const char *path)
{
    char link[32], target[256];

    for (int fd = 0; fd < 1 << 20; fd++) {
        ssize_t length;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        length = readlink(link, target, sizeof(target) - 1);
        target[length > 0 ? length : 0] = '\0';
        if (strcmp(target, path) == 0)
            return fd;
    }
    return -1;
}

Test(trace, a_file_of_the_program_with_its_number_is_left_alone)
{
    struct ps_object_info info;
    struct place p, room;
    struct stat st;
    int fd, other;

    make_folder(&room);
    trace_into(&room);
    open_place(&p, "trace+memory://t");
    fd = number_of(path_in(&room, "trace"));
    other = open(path_in(&room, "other"), O_WRONLY | O_CREAT, 0600);
    cr_assert(fd >= 0 && other >= 0);
    cr_assert_eq(syscall(SYS_dup3, other, fd, 0), fd);
    cr_assert_eq(put(&p, "k", 10, 4, &info), 0);
    cr_assert(fstat(other, &st) == 0 && st.st_size == 0);
    close_place(&p);
    close_place(&room);
}

/* backends_file.c: what only the file backend does */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "backends_help.h"

Test(file, layout_is_data_and_marker)
{
    struct ps_object_info info;
    struct place p;
    struct stat st;

    open_place(&p, "file://%s/new/deep%20er/");
    cr_assert_eq(put(&p, "k", 5, 0, &info), 0, "%s", p.err.message);
    cr_assert_eq(stat(path_in(&p, "new/deep er/k"), &st), 0);
    cr_assert_eq(st.st_size, 5);
    cr_assert_eq(stat(path_in(&p, "new/deep er/k.ready"), &st), 0);
    cr_assert_eq(st.st_size, 0);
    cr_assert_eq(stat(path_in(&p, "new/deep er"), &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0700);
    cr_assert_eq(count_files(&p, ".*"), 0);
    cr_assert_eq(p.b->evict(p.h, "k", &p.err), 0);
    cr_assert_eq(count_files(&p, "k*"), 0);
    close_place(&p);
}

Test(file, opening_makes_no_folder)
{
    struct place p;

    open_place(&p, "file://%s/new");
    cr_assert_eq(p.b->exists(p.h, "k", &p.err), 0);
    cr_assert_eq(p.b->evict(p.h, "k", &p.err), 0);
    cr_assert_neq(access(path_in(&p, "new"), F_OK), 0);
    close_place(&p);
}

Test(file, bad_urls)
{
    static const char *const urls[] = {"file://host/x", "file://%s?direct=2", "file:///a%00b",
                                       "file:///a%4",   "file:///a%",         "file:///a%zz"};
    struct place p = {0};

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        expect_code(&p, try_place(&p, urls[i]), PS_E_INVALID);
    close_place(&p);
}

Test(file, marker_names_and_long_names_are_no_keys)
{
    struct ps_object_info info;
    struct place p;
    char key[NAME_MAX + 2];

    open_place(&p, "file://%s");
    expect_code(&p, put(&p, "k.ready", 1, 0, &info), PS_E_INVALID);
    expect_code(&p, p.b->stat(p.h, ".ready", &info, &p.err), PS_E_INVALID);
    memset(key, 'k', sizeof(key));
    key[NAME_MAX - 5] = '\0';
    expect_code(&p, put(&p, key, 1, 0, &info), PS_E_INVALID);
    key[NAME_MAX - 6] = '\0';
    cr_assert_eq(put(&p, key, 10, 3, &info), 0, "%s", p.err.message);
    expect_bytes(&p, key, &info, 10, 0, 3);
    close_place(&p);
}

Test(file, a_file_that_others_placed_exists)
{
    struct ps_object_info info;
    struct place p;
    char byte;

    open_place(&p, "file://%s");
    write_file(&p, "theirs", "x");
    cr_assert_eq(p.b->exists(p.h, "theirs", &p.err), 1);
    cr_assert_eq(p.b->stat(p.h, "theirs", &info, &p.err), 0);
    cr_assert_eq(read_some(&p, "theirs", &info, &byte, 1, 0), 0);
    cr_assert_eq(byte, 'x');
    /* a marker alone is no object */
    write_file(&p, "gone.ready", "");
    cr_assert_eq(p.b->exists(p.h, "gone", &p.err), 0);
    close_place(&p);
}

Test(file, links_folders_and_fifos_are_refused, .timeout = 20)
{
    struct ps_object_info info = {.size = 1};
    struct place p, q = {0};
    char byte;

    open_place(&p, "file://%s");
    write_file(&p, "real", "x");
    cr_assert_eq(symlink("real", path_in(&p, "link")), 0);
    cr_assert_eq(mkfifo(path_in(&p, "fifo"), 0600), 0);
    cr_assert_eq(mkdir(path_in(&p, "folder"), 0700), 0);
    expect_code(&p, p.b->stat(p.h, "link", &info, &p.err), PS_E_REFUSED);
    expect_code(&p, p.b->read(p.h, "link", &info, &byte, 1, 0, &p.err), PS_E_REFUSED);
    expect_code(&p, p.b->descriptor(p.h, "link", &info, &p.err), PS_E_REFUSED);
    expect_code(&p, p.b->stat(p.h, "fifo", &info, &p.err), PS_E_UNSUPPORTED);
    expect_code(&p, p.b->read(p.h, "fifo", &info, &byte, 1, 0, &p.err), PS_E_UNSUPPORTED);
    expect_code(&p, p.b->descriptor(p.h, "fifo", &info, &p.err), PS_E_UNSUPPORTED);
    expect_code(&p, p.b->read(p.h, "folder", &info, &byte, 1, 0, &p.err), PS_E_UNSUPPORTED);
    cr_assert(strstr(p.err.message, "not a regular file"), "%s", p.err.message);
    /* nor is one followed on the way */
    cr_assert_eq(symlink(p.folder, path_in(&p, "way")), 0);
    strcpy(q.folder, p.folder);
    cr_assert_eq(try_place(&q, "file://%s/way"), 0, "%s", q.err.message);
    if (q.b->stat(q.h, "real", &info, &q.err) == 0)
        cr_log_warn("no openat2 here: links in the folder's path are followed");
    else
        cr_assert_eq(q.err.code, PS_E_REFUSED);
    q.b->close(q.h);
    close_place(&p);
}

Test(file, descriptor_is_the_object)
{
    struct ps_object_info info, other;
    struct place p, q = {0};
    unsigned char buffer[100];
    int fd;

    open_place(&p, "file://%s");
    cr_assert_eq(put(&p, "k", 100, 9, &info), 0, "%s", p.err.message);
    fd = p.b->descriptor(p.h, "k", &info, &p.err);
    cr_assert_geq(fd, 0, "%s", p.err.message);
    cr_assert_eq(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY);
    cr_assert_eq(read(fd, buffer, 100), 100);
    cr_assert_eq(first_wrong(buffer, 100, 0, 9), 100);
    close(fd);
    other = info;
    strcpy(other.version, "another");
    expect_code(&p, p.b->descriptor(p.h, "k", &other, &p.err), PS_E_STALE);
    strcpy(q.folder, p.folder);
    cr_assert_eq(try_place(&q, "file://%s?direct=0"), 0);
    expect_code(&q, q.b->descriptor(q.h, "k", &info, &q.err), PS_E_UNSUPPORTED);
    q.b->close(q.h);
    close_place(&p);
}

Test(file, a_cut_or_changed_object_is_stale)
{
    struct ps_object_info info;
    struct place p;
    unsigned char buffer[100];
    int fd;

    open_place(&p, "file://%s");
    cr_assert_eq(put(&p, "k", 100, 9, &info), 0, "%s", p.err.message);
    expect_bytes(&p, "k", &info, 100, 0, 9);
    cr_assert_eq(truncate(path_in(&p, "k"), 50), 0);
    expect_code(&p, p.b->read(p.h, "k", &info, buffer, 10, 0, &p.err), PS_E_STALE);
    cr_assert_eq(put(&p, "k", 100, 9, &info), 0, "%s", p.err.message);
    expect_bytes(&p, "k", &info, 100, 0, 9);
    usleep(20000); /* more than the tick of file times */
    fd = open(path_in(&p, "k"), O_WRONLY);
    cr_assert_eq(pwrite(fd, "x", 1, 5), 1);
    close(fd);
    expect_code(&p, p.b->read(p.h, "k", &info, buffer, 10, 0, &p.err), PS_E_STALE);
    close_place(&p);
}

/* base.c: texts, own descriptors, error objects */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <ps/error.h>

#include "base/hold.h"
#include "base/text.h"

Test(text, is_cut_where_the_buffer_ends)
{
    char buffer[8];
    struct ps_text text = ps_text_begin(buffer, sizeof(buffer));

    ps_text_add(&text, "abc");
    ps_text_number(&text, 0);
    cr_expect_str_eq(buffer, "abc0");
    ps_text_hex(&text, 0xdeadbeef);
    cr_expect_str_eq(buffer, "abc00xd");
    ps_text_add(&text, "more");
    cr_expect_str_eq(buffer, "abc00xd");
}

Test(text, numbers_of_every_length)
{
    char buffer[64];
    struct ps_text text = ps_text_begin(buffer, sizeof(buffer));

    ps_text_number(&text, UINT64_MAX);
    cr_expect_str_eq(buffer, "18446744073709551615");
    text = ps_text_begin(buffer, sizeof(buffer));
    ps_text_hex(&text, UINT64_MAX);
    cr_expect_str_eq(buffer, "0xffffffffffffffff");
    cr_expect_str_eq(ps_fd_path(buffer, 1023), "/proc/self/fd/1023");
}

Test(hold, is_out_of_the_programs_way_and_close_on_exec)
{
    int fd = open("/dev/null", O_RDONLY), held = ps_hold(fd, false);

    cr_assert_gt(held, fd + 100);
    cr_expect(ps_hold_has(held));
    cr_expect_not(ps_hold_has(fd));
    cr_expect_eq(fcntl(held, F_GETFD), FD_CLOEXEC);
    cr_expect_eq(ps_hold_next(0), held);
    cr_expect_eq(open("/dev/null", O_RDONLY), fd, "the lowest number is the program's");
    ps_unhold(held);
    cr_expect_not(ps_hold_has(held));
    cr_expect_eq(fcntl(held, F_GETFD), -1);
    cr_expect_eq(ps_hold_next(0), -1);
    cr_expect_not(ps_hold_has(-1));
    ps_unhold(-1);
}

Test(hold, inherits_when_asked)
{
    int held = ps_hold(open("/dev/null", O_RDONLY), true);

    cr_assert_geq(held, 0);
    cr_expect_eq(fcntl(held, F_GETFD), 0);
}

Test(hold, of_a_bad_descriptor_is_an_error)
{
    cr_expect_eq(ps_hold(-1, false), -EBADF);
}

Test(error, the_first_one_wins_and_errno_stays)
{
    struct ps_error err = {0};

    errno = ERANGE;
    cr_expect_eq(ps_error_set(&err, PS_E_STALE, ENOENT, "object %d", 7), PS_E_STALE);
    cr_expect_eq(ps_error_set(&err, PS_E_NOMEM, 0, "later"), PS_E_NOMEM);
    cr_expect_eq(errno, ERANGE);
    cr_expect_eq(err.code, PS_E_STALE);
    cr_expect_eq(err.sys_errno, ENOENT);
    cr_expect_str_eq(err.message, "object 7: No such file or directory");
    ps_error_clear(&err);
    cr_expect_eq(err.code, 0);
    cr_expect_eq(ps_error_set(NULL, PS_E_INVALID, 0, "nobody listens"), PS_E_INVALID);
    ps_error_clear(NULL);
}

Test(error, a_message_is_one_printable_line)
{
    struct ps_error err = {0};
    char longer[1000];

    ps_error_set(&err, PS_E_INVALID, 0, "a\nb\033[31mc");
    cr_expect_str_eq(err.message, "a?b?[31mc");
    memset(longer, 'x', sizeof(longer));
    longer[999] = '\0';
    ps_error_clear(&err);
    ps_error_set(&err, PS_E_INVALID, EIO, "%s", longer);
    cr_expect_eq(strlen(err.message), sizeof(err.message) - 1);
}

/* supervise_rules.c: which system calls the supervisor is told of; the most frequent first */
#include <sys/syscall.h>

#include "supervise.h"

const struct rule rules[] = {
    {SYS_read, WATCH_FD, 0, answer_read},
    {SYS_pread64, WATCH_FD, 0, answer_pread},
    {SYS_readv, WATCH_FD, 0, answer_readv},
    {SYS_preadv, WATCH_FD, 0, answer_preadv},
    {SYS_preadv2, WATCH_FD, 0, answer_preadv},
    {SYS_lseek, WATCH_HOLE, 0, answer_lseek},
    {SYS_mmap, WATCH_MAP, 4, answer_copied_4},
    {SYS_openat, WATCH_ALL, 0, answer_openat},
    {SYS_openat2, WATCH_ALL, 0, answer_openat2},
    {SYS_fstat, WATCH_ALL, 0, answer_fstat},
    {SYS_newfstatat, WATCH_ALL, 0, answer_newfstatat},
    {SYS_statx, WATCH_ALL, 0, answer_statx},
    {SYS_faccessat, WATCH_ALL, 0, answer_faccessat},
    {439 /* faccessat2 */, WATCH_ALL, 0, answer_faccessat2},
#ifdef SYS_open /* older calls, which newer machines lack */
    {SYS_open, WATCH_ALL, 0, answer_open},
    {SYS_creat, WATCH_ALL, 0, answer_creat},
    {SYS_stat, WATCH_ALL, 0, answer_stat},
    {SYS_lstat, WATCH_ALL, 0, answer_lstat},
    {SYS_access, WATCH_ALL, 0, answer_access},
    {SYS_dup2, WATCH_FD, 0, answer_copied_0},
#endif
    {SYS_dup, WATCH_FD, 0, answer_copied_0},
    {SYS_dup3, WATCH_FD, 0, answer_copied_0},
    {SYS_fcntl, WATCH_DUP, 0, answer_copied_0},
    {SYS_sendfile, WATCH_FD, 1, answer_copied_1},
    {SYS_splice, WATCH_FD, 0, answer_copied_0},
    {SYS_copy_file_range, WATCH_FD, 0, answer_copied_0},
    {SYS_sendmsg, WATCH_ALL, 0, answer_sendmsg},
    {SYS_sendmmsg, WATCH_ALL, 0, answer_sendmmsg},
    {438 /* pidfd_getfd */, WATCH_FD, 1, answer_taken},
    {SYS_execve, WATCH_ALL, 0, answer_execve},
    {SYS_execveat, WATCH_ALL, 0, answer_execveat},
    {SYS_chroot, WATCH_ALL, 0, answer_moved},
    {SYS_pivot_root, WATCH_ALL, 0, answer_moved},
    {SYS_setns, WATCH_ALL, 0, answer_moved},
    {SYS_io_setup, DENY, 0, 0},
    {425 /* io_uring_setup */, DENY, 0, 0},
};
const unsigned rule_count = sizeof(rules) / sizeof(rules[0]);

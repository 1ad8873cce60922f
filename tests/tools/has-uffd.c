/*
 * has-uffd.c: does the kernel give this user a userfaultfd?
 *
 *     has-uffd kernel|user     faults of system calls too, or of user code only
 *
 * Status 0: yes; 1: no, and why on standard output. The tests ask it what they
 * can run here, so that they do not have to believe libps.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef UFFD_USER_MODE_ONLY /* Linux 5.11 */
#define UFFD_USER_MODE_ONLY 1
#endif
#ifndef USERFAULTFD_IOC_NEW /* Linux 6.1 */
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

int main(int argc, char **argv)
{
    int user_only = argc == 2 && strcmp(argv[1], "user") == 0;
    long flags = O_CLOEXEC | (user_only ? UFFD_USER_MODE_ONLY : 0);
    int call_errno;
    int device;

    if (!user_only && (argc != 2 || strcmp(argv[1], "kernel") != 0)) {
        fprintf(stderr, "usage: has-uffd kernel|user\n");
        return 2;
    }
    if (syscall(SYS_userfaultfd, flags) >= 0)
        return 0;
    call_errno = errno;
    device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
    if (device >= 0 && ioctl(device, USERFAULTFD_IOC_NEW, flags) >= 0)
        return 0;
    printf("userfaultfd: %s, ", strerror(call_errno));
    printf("/dev/userfaultfd: %s\n", strerror(errno));
    return 1;
}

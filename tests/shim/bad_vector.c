/*
 * bad_vector.c: a vector or message at a bad address is EFAULT, as without libps
 *
 * run: link
 */
#include "check.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

int main(void)
{
    struct iovec *nowhere = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int plain = open(data("small"), O_RDONLY), proxied,
        out = open(tmp("out"), O_RDWR | O_CREAT, 0600);
    int pair[2];

    CHECK(plain >= 0 && out >= 0 && nowhere != MAP_FAILED);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    FAILS(readv(plain, nowhere, 1), EFAULT);
    FAILS(writev(out, nowhere, 1), EFAULT);
    FAILS(sendmsg(pair[0], (void *)nowhere, 0), EFAULT);
    FAILS(recvmsg(pair[0], (void *)nowhere, MSG_DONTWAIT), EFAULT);
    proxied = open_px("small");
    FAILS(readv(proxied, nowhere, 1), EFAULT);
    FAILS(preadv(proxied, nowhere, 1, 0), EFAULT);
    FAILS(sendfile(out, proxied, (off_t *)nowhere, 10), EFAULT);
    FAILS(copy_file_range(proxied, (off_t *)nowhere, out, NULL, 10, 0), EFAULT);
    FAILS(fstat(proxied, (struct stat *)nowhere), EFAULT);
    FAILS(stat(px("small"), (struct stat *)nowhere), EFAULT);
    FAILS(open((const char *)nowhere, O_RDONLY), EFAULT);
    return 0;
}

/*
 * call_advise.c: posix_fadvise and readahead of proxies: hints of reads to come
 *
 * They answer as the kernel does of any file. POSIX_FADV_DONTNEED drops nothing: an eviction may
 * have to wait for calls of other threads, and who wants the memory back sets PS_MEMORY.
 */
#include <fcntl.h>

#include "base/sys.h"
#include "hook.h"
#include "view.h"

_Static_assert((int)PS_ADVICE_NORMAL == POSIX_FADV_NORMAL &&
                   (int)PS_ADVICE_RANDOM == POSIX_FADV_RANDOM &&
                   (int)PS_ADVICE_SEQUENTIAL == POSIX_FADV_SEQUENTIAL,
               "the numbers are the kernel's");

static void advise(int fd, off_t offset, off_t size, int advice)
{
    struct ps_view view;

    /* to find out what an unknown one shows may take its store, and fail: no hint is worth that */
    if (ps_view_is_plain(fd) || ps_view_remembered(fd) == PS_VIEW_UNKNOWN ||
        ps_view_get(fd, &view) <= PS_VIEW_PLAIN)
        return;
    if (advice == POSIX_FADV_WILLNEED && offset >= 0)
        ps_hint_fetch(view.image, (uint64_t)offset, (uint64_t)size);
    else if (advice == PS_ADVICE_NORMAL || advice == PS_ADVICE_RANDOM ||
             advice == PS_ADVICE_SEQUENTIAL)
        ps_view_advise(fd, (enum ps_advice)advice);
    ps_image_put(view.image);
}

/* It gives the error, and leaves errno alone. */
HOOK(int, posix_fadvise64, (int fd, off_t offset, off_t size, int advice))
{
    long result = sys_call6(SYS_fadvise64, fd, offset, size, advice, 0, 0);

    if (result == 0)
        advise(fd, offset, size, advice);
    return (int)-result;
}
ALIAS(int, posix_fadvise, posix_fadvise64, (int, off_t, off_t, int));

HOOK(ssize_t, readahead, (int fd, off_t offset, size_t size))
{
    long result = sys_call3(SYS_readahead, fd, offset, size);

    if (result == 0 && size > 0)
        advise(fd, offset, size < PTRDIFF_MAX ? (off_t)size : 0, POSIX_FADV_WILLNEED);
    return ps_result(result);
}

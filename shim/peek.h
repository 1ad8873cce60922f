/*
 * peek.h: reading and writing what the program points at, before the kernel has looked
 *
 * A bad pointer must be EFAULT from the call, as natively, and no crash in a
 * hook. The kernel copies for us, and says so.
 */
#ifndef PS_PEEK_H
#define PS_PEEK_H

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "base/sys.h"
#include "preload.h"

/* One of the kernel's own copies; to or from is the program's. 0 or -EFAULT. */
static inline int ps_peek_copy(long call, void *to, const void *from, size_t size)
{
    bool reads = call == SYS_process_vm_readv;
    struct iovec local = {reads ? to : (void *)(uintptr_t)from, size};
    struct iovec remote = {reads ? (void *)(uintptr_t)from : to, size};
    long got = -EPERM;

    if (!atomic_load_explicit(&ps_preload_filtered, memory_order_relaxed))
        got = sys_call6(call, sys_getpid(), (long)&local, 1, (long)&remote, 1, 0);

    if (got == -ENOSYS || got == -EPERM) { /* a seccomp filter: then without a net */
        memcpy(to, from, size);
        return 0;
    }
    return got == (long)size ? 0 : -EFAULT;
}

/* ps_peek: copy size bytes from the program; 0 or -EFAULT. Lazy memory is made ready first. */
static inline int ps_peek(void *to, const void *from, size_t size)
{
    if (ps_preload_buffer(from, size, "an argument") < 0)
        return -EFAULT;
    return ps_peek_copy(SYS_process_vm_readv, to, from, size);
}

/* ps_poke: copy size bytes to the program; as ps_peek */
static inline int ps_poke(void *to, const void *from, size_t size)
{
    if (ps_preload_buffer(to, size, "an argument") < 0)
        return -EFAULT;
    return ps_peek_copy(SYS_process_vm_writev, to, from, size);
}

/*
 * Can the page of it be read? *page is the last that was seen.
 *
 * Each program that is run comes here, so it is by a call that is quick, and that no filter of
 * system calls forbids: a wait for no time, and nearly always for a word that is another anyway.
 */
static inline bool ps_peek_page(const void *at, uintptr_t *page)
{
    static const struct timespec no_time;
    const long word = (long)((uintptr_t)at & ~(uintptr_t)3);

    if ((uintptr_t)at / 4096 == *page)
        return true;
    *page = (uintptr_t)at / 4096;
    return ps_preload_buffer(at, 1, "an argument") == 0 &&
           sys_call6(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0x6c707321, (long)&no_time, 0, 0) !=
               -EFAULT;
}

/* ps_peek_list: can a list of pointers that ends with NULL be read? strings: and where they point?
 */
static inline bool ps_peek_list(char *const list[], bool strings)
{
    uintptr_t list_page = UINTPTR_MAX, string_page = UINTPTR_MAX;

    for (; list != NULL; list++) {
        if (!ps_peek_page(list, &list_page) || !ps_peek_page((char *)(list + 1) - 1, &list_page))
            return false;
        if (*list == NULL)
            break;
        if (strings && !ps_peek_page(*list, &string_page))
            return false;
    }
    return true;
}

#endif

/*
 * call_filter.c: programs that set a filter of system calls
 *
 * It may kill them for a call that libps makes in their threads. So a worker
 * is there before, and so are the descriptors that lock, and what is known of
 * locks that came over exec; and afterwards libps makes only calls that a reader of files
 * makes itself: what it would ask the kernel to look at is read as it is, and
 * new mappings are of objects that are here, without an engine.
 */
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>

#include "base/sys.h"
#include "file_lock.h"
#include "filter.h"
#include "hook.h"
#include "preload.h"

static bool sets_filter(long number, const long *a)
{
    if (number == SYS_prctl)
        return a[0] == PR_SET_SECCOMP;
    return a[0] == SECCOMP_SET_MODE_FILTER || a[0] == SECCOMP_SET_MODE_STRICT;
}

long ps_filter_call(long number, const long a[5])
{
    bool sets = sets_filter(number, a) && !ps_guard_held();
    long result;

    if (sets)
        ps_look_inherited();
    if (sets && ps_images != NULL) {
        ps_preload_lend();
        ps_file_lock_share(true);
    }
    result = sys_call6(number, a[0], a[1], a[2], a[3], a[4], 0);
    if (sets && result >= 0 && ps_fork_at_home())
        atomic_store(&ps_preload_filtered, true);
    return result;
}

HOOK(int, prctl, (int option, ...))
{
    long a[5] = {option};
    va_list list;

    va_start(list, option);
    for (int i = 1; i < 5; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    return (int)ps_result(ps_filter_call(SYS_prctl, a));
}

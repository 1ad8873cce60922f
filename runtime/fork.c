/* fork.c: see fork.h */
#include "fork.h"

#include <stdatomic.h>

#include "base/lock.h"
#include "base/sys.h"
#include "callers.h"
#include "config.h"
#include "engine/engine.h"
#include "fetch.h"
#include "handle.h"
#include "look.h"
#include "memory.h"
#include "object.h"
#include "pin.h"
#include "pour.h"
#include "profile.h"
#include "region.h"
#include "release.h"
#include "stats.h"
#include "try.h"
#include "use.h"
#include "work.h"

/* In the order of their ranks. */
static struct ps_lock *const locks[] = {&ps_engine_lock,  &ps_evict_lock, &ps_objects_lock,
                                        &ps_regions_lock, &ps_fetch_lock, &ps_failed_lock,
                                        &ps_action_lock,  &ps_memory_lock};
enum { LOCKS = sizeof(locks) / sizeof(locks[0]) };

/*
 * The mask of the thread that forks. Its signals stay blocked from before the
 * first lock until after the last: a handler that ran in between, and opened a
 * proxy or forked in its turn, would wait for its own thread.
 */
static __thread uint64_t mask __attribute__((tls_model("initial-exec")));

static _Atomic int home; /* number of the process */
unsigned char ps_fork_lent;

/* Also in a process that met no proxy: another thread may be meeting its first just now. */
void ps_fork_prepare(void)
{
    ps_signals_block(&mask);
    ps_config_fork_prepare();
    ps_handle_fork_prepare();
    for (int i = 0; i < LOCKS; i++)
        ps_lock(locks[i], &mask);
}

void ps_fork_parent(void)
{
    for (int i = LOCKS - 1; i >= 0; i--)
        ps_unlock(locks[i], &mask);
    ps_handle_fork_parent();
    ps_config_fork_parent();
    ps_signals_restore(&mask);
}

void ps_fork_begin(void)
{
    atomic_store_explicit(&home, sys_getpid(), memory_order_relaxed);
}

bool ps_fork_at_home(void)
{
    int pid = atomic_load_explicit(&home, memory_order_relaxed);

    /* pid 0: before the constructor */
    return __atomic_load_n(&ps_fork_lent, __ATOMIC_RELAXED) == 0 || pid == 0 || pid == sys_getpid();
}

void ps_fork_child(void)
{
    ps_fork_begin();
    ps_look_fork_child();
    ps_fetch_fork_child();
    ps_pour_fork_child();
    ps_object_fork_child();
    for (int i = LOCKS - 1; i >= 0; i--)
        ps_unlock(locks[i], &mask);
    ps_use_fork_child();
    ps_pin_fork_child();
    ps_memory_fork_child();
    ps_release_fork_child();
    ps_handle_fork_child();
    ps_config_fork_child();
    ps_stats_fork_child();
    ps_engine_fork_child();
    ps_fail_fork_child();
    ps_try_fork_child();
    ps_callers_fork_child();
    ps_profile_fork_child();
    ps_work_fork_child(ps_region_count() > 0);
    /* last: a handler of the program might touch memory that is not watched yet */
    ps_signals_restore(&mask);
}

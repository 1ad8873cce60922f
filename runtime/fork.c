/* fork.c: see fork.h */
#include "fork.h"

#include <stdatomic.h>

#include "base/sys.h"
#include "config.h"
#include "engine/engine.h"
#include "fetch.h"
#include "handle.h"
#include "object.h"
#include "region.h"
#include "stats.h"
#include "work.h"

/* The signal masks that the locks put aside; only the forking thread uses them. */
static uint64_t objects_mask, regions_mask, fetch_mask;

static _Atomic int home; /* number of the process */

/* A process that met no proxy has nothing to keep together. */
static __thread int prepared __attribute__((tls_model("initial-exec")));

void ps_fork_prepare(void)
{
    prepared = ps_images != 0;
    if (!prepared)
        return;
    ps_engine_fork_prepare();
    ps_config_fork_prepare();
    ps_handle_fork_prepare();
    ps_object_fork_prepare(&objects_mask);
    ps_region_fork_prepare(&regions_mask);
    ps_fetch_fork_prepare(&fetch_mask);
}

void ps_fork_parent(void)
{
    if (!prepared)
        return;
    ps_fetch_fork_parent(&fetch_mask);
    ps_region_fork_parent(&regions_mask);
    ps_object_fork_parent(&objects_mask);
    ps_handle_fork_parent();
    ps_config_fork_parent();
    ps_engine_fork_parent();
}

void ps_fork_begin(void)
{
    atomic_store_explicit(&home, sys_getpid(), memory_order_relaxed);
}

bool ps_fork_at_home(void)
{
    int pid = atomic_load_explicit(&home, memory_order_relaxed);

    return pid == 0 || pid == sys_getpid(); /* 0: before the constructor */
}

void ps_fork_child(void)
{
    ps_fork_begin();
    if (!prepared)
        return;
    ps_fetch_fork_child(&fetch_mask);
    ps_region_fork_child(&regions_mask);
    ps_object_fork_child(&objects_mask);
    ps_handle_fork_child();
    ps_config_fork_child();
    ps_stats_fork_child();
    ps_engine_fork_child();
    ps_work_fork_child(ps_region_count() > 0);
}

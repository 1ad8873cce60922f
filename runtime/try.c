/* try.c: see try.h. What is below "in the handler" follows the rules of engine/segv.c. */
#include <ps/try.h>

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "base/lock.h"
#include "base/page.h"
#include "base/sys.h"
#include "engine/engine.h"
#include "engine/fault_action.h"
#include "report.h"
#include "try.h"
#include "where.h"

/* Of this thread; handlers enter and leave blocks of their own in between. */
static __thread struct ps_try *innermost __attribute__((tls_model("initial-exec")));
static _Atomic uint32_t threads; /* that are in a block */

/* Both under ps_action_lock. */
static void (*listener)(const struct ps_failure *, void *);
static void *listener_argument;

bool ps_try_is_entered(void)
{
    return atomic_load(&threads) > 0;
}

void ps_try_fork_child(void)
{
    atomic_store(&threads, innermost != NULL);
}

/* The blocks inside of it too, if the program jumped out of them. */
static void leave(struct ps_try *block)
{
    block->entered = 0;
    innermost = block->outer;
    if (innermost == NULL)
        atomic_fetch_sub(&threads, 1);
}

/* --- in the handler ------------------------------------------------------------------ */

static void set_cause(struct ps_error *error, int code, int sys_errno, const char *message)
{
    error->code = code;
    error->sys_errno = sys_errno;
    memcpy(error->message, message, strlen(message) + 1);
}

/* The file of a store, mapped as it is: somebody cut it, or its disk fails. */
static void plain_cause(const struct ps_image *image, struct ps_error *error)
{
    struct stat st;

    if (sys_fstat(image->fd, &st) == 0 && (uint64_t)st.st_size < ps_image_size(image))
        set_cause(error, PS_E_STALE, 0, "the file is shorter than the object");
    else
        set_cause(error, PS_E_SYSTEM, EIO, "the file can't be read");
}

/*
 * Why the page raised SIGBUS; false: it is to be touched again. A page that is
 * not known as failed was healed just now; but if it raises the signal twice,
 * there is another reason.
 */
static bool find_cause(const struct ps_region *region, uintptr_t page, struct ps_error *error)
{
    static __thread uintptr_t repeated __attribute__((tls_model("initial-exec")));
    bool is_second = repeated == page;

    repeated = 0;
    if (region->engine == PS_REGION_PLAIN)
        plain_cause(region->image, error);
    else if (ps_fail_cause(page, error))
        return true;
    else if (is_second)
        set_cause(error, PS_E_SYSTEM, EIO, "the memory can't be read");
    else
        repeated = page;
    return error->code != 0;
}

static void fill(struct ps_failure *failure, const struct ps_region *region, uintptr_t address,
                 const struct ps_error *error)
{
    uint64_t page = ps_page_size(), size = ps_image_size(region->image);

    if (failure == NULL)
        return;
    failure->error = *error;
    failure->address = (void *)address;
    failure->offset = region->offset + ((address & ~(page - 1)) - region->start);
    failure->length = size - failure->offset < page ? size - failure->offset : page;
    memcpy(failure->object, region->image->proxy->object, sizeof(failure->object));
}

/* Out of the handler, with the signals blocked as they were at the block's begin. */
__attribute__((noreturn)) static void jump(struct ps_try *block, const struct ps_region *region,
                                           uintptr_t address, const struct ps_error *error)
{
    leave(block); /* first: the program's failure may itself be lazy memory, and fail */
    fill(block->failure, region, address, error);
    ps_image_put(region->image);
    sys_sigmask(SIG_SETMASK, &block->mask, NULL);
    longjmp(block->back, 1);
}

/* A function of its own: a program's signal stack may be small, and PS_TRY need not pay for it. */
__attribute__((noinline)) static void tell(const struct ps_region *region, uintptr_t address,
                                           const struct ps_error *error)
{
    void (*function)(const struct ps_failure *, void *);
    struct ps_failure failure;
    void *argument;
    uint64_t mask;

    ps_lock(&ps_action_lock, &mask);
    function = listener;
    argument = listener_argument;
    ps_unlock(&ps_action_lock, &mask);
    if (function == NULL)
        return;
    fill(&failure, region, address, error);
    function(&failure, argument);
}

/* True: the touch is to be repeated. Does not return where a block takes it. */
static bool handle(const struct ps_region *region, uintptr_t address, const void *context)
{
    uintptr_t page = address & ~((uintptr_t)ps_page_size() - 1);
    struct ps_error error = {0};
    struct ps_registers registers;

    if (!find_cause(region, page, &error))
        return true;
    if (innermost != NULL)
        jump(innermost, region, address, &error);
    ps_where_interrupted(&registers, context);
    ps_report_fault(region->image, region->offset + (page - region->start), ps_page_size(), &error,
                    address, &registers);
    tell(region, address, &error);
    return false;
}

static void on_bus(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    struct ps_region region;
    bool again = false;

    /* others were sent, or are of a touch that is not aligned; poisoned pages are BUS_MCEERR_AR */
    if ((info->si_code == BUS_ADRERR || info->si_code == BUS_MCEERR_AR) &&
        ps_region_find((uintptr_t)info->si_addr, &region)) {
        again = handle(&region, (uintptr_t)info->si_addr, context);
        ps_image_put(region.image);
    }
    errno = saved;
    if (!again)
        ps_action_chain(number, info, context);
}

/* --- not in the handler -------------------------------------------------------------- */

static int take_sigbus(struct ps_error *err)
{
    if (ps_action_is_taken(SIGBUS) || ps_action_take(SIGBUS, on_bus) == 0)
        return 0;
    return ps_error_set(err, PS_E_SYSTEM, errno, "can't handle SIGBUS");
}

PS_API int ps_try_begin(struct ps_try *block, struct ps_failure *failure)
{
    uint64_t set;

    if (failure != NULL) {
        failure->error = (struct ps_error){0};
        failure->address = NULL;
        failure->offset = failure->length = 0;
        failure->object[0] = '\0';
    }
    if (take_sigbus(failure != NULL ? &failure->error : NULL) < 0)
        return 0;
    /* a thread that has blocked them before they were libps's would die of its touch */
    set = ps_action_taken();
    sys_sigmask(SIG_UNBLOCK, &set, &block->mask);
    block->mask &= ~set;
    block->failure = failure;
    block->outer = innermost;
    block->entered = 1;
    if (innermost == NULL)
        atomic_fetch_add(&threads, 1);
    innermost = block;
    return 1;
}

PS_API void ps_try_end(struct ps_try *block)
{
    if (block->entered)
        leave(block);
}

PS_API int ps_on_failure(void (*function)(const struct ps_failure *, void *), void *argument,
                         struct ps_error *err)
{
    uint64_t mask;
    int result;

    ps_error_clear(err);
    result = take_sigbus(err);
    if (result < 0)
        return result;
    ps_lock(&ps_action_lock, &mask);
    listener = function;
    listener_argument = argument;
    ps_unlock(&ps_action_lock, &mask);
    return 0;
}

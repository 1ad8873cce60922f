/* fetch.c: what may be taken over from an owner that is slow or dead, and what comes too late */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends_help.h"
#include "base/clock.h"
#include "fetch.h"
#include "handle.h"
#include "join.h"
#include "work.h"

enum { BLOCKS = 8 };

static struct ps_image image;
static struct ps_record record;
static struct ps_proxy proxy;

static void use_store(const char *url)
{
    struct ps_error err = {0};

    ps_handle_put(image.handle);
    cr_assert_eq(ps_handle_get(&image.handle, url, &err), 0, "%s", err.message);
    image.ahead.pace = &ps_handle_flow(image.handle)->pace;
}

/* An image of which this process has the table, and its number */
static void make_image(void)
{
    image.table_bytes = ps_table_size(BLOCKS);
    image.table_fd = memfd_create("table", MFD_CLOEXEC);
    image.user_fd = -1;
    cr_assert_eq(ftruncate(image.table_fd, (off_t)image.table_bytes), 0);
    image.table =
        mmap(NULL, image.table_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, image.table_fd, 0);
    cr_assert(image.table != MAP_FAILED);
    ps_table_init(image.table, BLOCKS * 4096, 4096);
    cr_assert_eq(ps_image_join(&image), 0);
    cr_assert_neq(image.owner, 0);
    image.record = &record;
    image.proxy = &proxy;
    image.key = "key";
    use_store("memory://fetch");
    atomic_store(&image.state, PS_IMAGE_LIVE);
}

/* As who waits does: the clock stands still where nobody looks. */
static void wait_too_long(void)
{
    for (int ms = 0; ms <= PS_SLACK_MS; ms += PS_LOOK_MS) {
        usleep(PS_LOOK_MS * 1000);
        ps_run_ns();
    }
}

/* Somebody has waited that long. */
static void look(uint64_t block, bool late)
{
    struct ps_patience patience = {.began_ms = late};

    ps_fetch_look(&image, block, &patience);
}

static void expect(const char *states)
{
    static const char letters[] = "-LRF"; /* by enum ps_block_state */
    char seen[BLOCKS + 1] = "";

    for (int i = 0; i < BLOCKS; i++)
        seen[i] = letters[ps_table_state(image.table, (uint64_t)i)];
    cr_expect_str_eq(seen, states);
}

/* What a child has LOADING when it ends: two blocks, and one further on */
static void leave_some(void)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        if (ps_image_join(&image) == 0 && ps_table_claim(image.table, 1, 2, image.owner) == 2 &&
            ps_table_claim(image.table, 5, 1, image.owner) == 1)
            _exit(0);
        _exit(1);
    }
    cr_assert(waitpid(child, &status, 0) == child && status == 0);
}

Test(fetch, gives_back_at_once_what_a_process_left_that_ended)
{
    make_image();
    leave_some();
    ps_table_claim(image.table, 4, 1, image.owner);
    expect("-LL-LL--");
    look(1, false);
    expect("----L---");
}

Test(fetch, a_number_under_which_blocks_were_left_is_nobodys)
{
    unsigned left;

    make_image();
    leave_some();
    left = ps_table_owner(image.table, 1);
    cr_expect_neq(left, image.owner);
    cr_expect(ps_image_left(&image, left));
    cr_expect_eq(atomic_load(&image.table->loading[left]), 3);
}

Test(fetch, leaves_a_slow_owner_its_lease)
{
    struct ps_image other;

    make_image();
    other = image;
    other.user_fd = -1;
    cr_assert_eq(ps_image_join(&other), 0);
    cr_assert_neq(other.owner, image.owner);
    ps_table_claim(image.table, 1, 2, other.owner);
    ps_table_claim(image.table, 4, 1, other.owner);
    look(1, false);
    expect("-LL-L---");
    look(1, true);
    expect("----L---");
}

Test(fetch, knows_what_it_is_at_itself)
{
    make_image();
    cr_assert_eq(ps_fetch_start(&image, 1, 2, PS_FETCH_CALL), 2);
    /* by a child whose fork nobody saw */
    cr_assert_eq(ps_table_claim(image.table, 6, 1, image.owner), 1);
    look(1, true);
    look(6, false);
    expect("-LL---L-");
    look(6, true);
    expect("-LL-----");
}

/* --- deadlines; there are no workers here ------------------------------------------------ */

static struct ps_request *take(void)
{
    struct ps_request *request;
    bool is_idle;

    request = ps_fetch_take(1, &is_idle);
    cr_assert_not_null(request);
    return request;
}

/* An image of a store whose deadline is over at once */
static void use_retries(void)
{
    setenv("PS_DEADLINE", "1ms", 1);
    use_built_modules();
    make_image();
    use_store("retry+memory://fetch");
}

static void start(uint64_t first, uint64_t count, enum ps_fetch_reason reason)
{
    cr_assert_eq(ps_fetch_start(&image, first, count, reason), count);
}

Test(fetch, what_was_looked_ahead_to_is_its_first_waiters)
{
    struct ps_request *request;
    uint64_t clock;

    make_image();
    start(1, 3, PS_FETCH_AHEAD);
    request = take();
    atomic_store(&request->clock, 1);
    start(2, 1, PS_FETCH_CALL);
    clock = atomic_load(&request->clock);
    cr_expect(clock > 1 && !request->ahead, "its deadline counts from the first who waits");
    start(3, 1, PS_FETCH_FAULT);
    cr_expect_eq(atomic_load(&request->clock), clock, "and not from the next");
    ps_fetch_perform(request, NULL); /* there is no such object */
    expect("-FFF----");
}

/* Whoever reads a long range waits for one request after the other. */
Test(fetch, what_is_behind_the_first_has_a_clock_that_moves_on)
{
    struct ps_request *first, *second;

    make_image();
    start(1, 1, PS_FETCH_CALL);
    start(3, 1, PS_FETCH_AHEAD);
    start(5, 1, PS_FETCH_CALL);
    first = take();
    second = take();
    second->awaited = false;
    atomic_store(&first->clock, 1);
    atomic_store(&second->clock, 1);
    start(1, 5, PS_FETCH_CALL);
    cr_expect_eq(atomic_load(&first->clock), 1);
    cr_expect_gt(atomic_load(&second->clock), 1);
    cr_expect(!second->awaited);
    ps_fetch_perform(first, NULL);
    ps_fetch_perform(second, NULL);
    ps_fetch_perform(take(), NULL);
}

Test(fetch, what_is_late_fails_whoever_is_at_it)
{
    uint64_t since = ps_fetch_clock();
    struct ps_request *running;
    struct ps_error err = {0};

    setenv("PS_DEADLINE", "1ms", 1);
    use_built_modules();
    make_image();
    start(6, 1, PS_FETCH_CALL);
    running = take();
    cr_expect(!ps_fetch_expire(), "a plain store has no deadline");
    ps_fetch_perform(running, NULL);
    use_store("retry+memory://fetch");
    start(1, 1, PS_FETCH_CALL);
    running = take();
    start(4, 1, PS_FETCH_FAULT);
    cr_expect(ps_fetch_expire(), "they are not late yet");
    expect("-L--L-F-");
    wait_too_long();
    cr_expect(!ps_fetch_expire());
    expect("-F--F-F-");
    cr_expect(ps_fetch_failure(&image, 1, since, NULL) && ps_fetch_failure(&image, 4, since, &err));
    cr_expect_str_eq(err.message, "nothing came within 1 ms");
    start(1, 1, PS_FETCH_CALL); /* somebody asks again, before that worker is back */
    ps_fetch_perform(running, NULL);
    expect("-L--F-F-");
    ps_fetch_perform(take(), NULL);
    expect("-F--F-F-");
}

/* What another process took over is not looked for in the queue, but waited for all the same. */
Test(fetch, what_is_waited_for_is_not_left_among_what_is_only_looked_ahead_to)
{
    struct ps_patience patience = {.began_ms = 1};
    struct ps_image other;

    use_retries();
    start(1, 2, PS_FETCH_AHEAD);
    other = image;
    other.user_fd = -1;
    cr_assert_eq(ps_image_join(&other), 0);
    ps_fetch_look(&other, 1, &patience);
    cr_assert_eq(ps_table_claim(image.table, 1, 1, other.owner), 1);
    ps_table_set(image.table, 1, 1, other.owner, PS_BLOCK_READY);
    start(1, 4, PS_FETCH_CALL);
    wait_too_long();
    ps_fetch_expire();
    expect("-RFLL---");
}

/* The second comes to look, though the clock of looks has ticks of up to 10 ms. */
static void look_twice(uint64_t block, struct ps_patience *patience)
{
    ps_fetch_look(&image, block, patience);
    usleep((PS_LOOK_MS + 20) * 1000);
    ps_fetch_look(&image, block, patience);
}

/* The block failed, or its owner ended, and before who waits for it woke it was looked ahead to. */
Test(fetch, what_serves_a_waiter_by_now_has_its_deadline)
{
    struct ps_patience patience = {.since = ps_run_ns()};
    struct ps_request *running;

    use_retries();
    start(1, 1, PS_FETCH_AHEAD);
    running = take();
    start(4, 1, PS_FETCH_AHEAD); /* no worker will take it: all are at something else */
    wait_too_long();
    look_twice(1, &patience);
    expect("-F--L---");
    patience = (struct ps_patience){.since = patience.since};
    look_twice(4, &patience);
    expect("-F--F---");
    ps_fetch_perform(running, NULL);
    expect("-F--F---");
}

/* A store may fail before the caller comes to wait. */
Test(fetch, what_failed_since_the_caller_began_is_not_tried_again)
{
    struct ps_begun begun = {0, ps_fetch_clock()};
    struct ps_error err = {0};
    uint64_t failed;

    make_image();
    start(1, 2, PS_FETCH_CALL);
    ps_fetch_perform(take(), NULL); /* there is no such object */
    expect("-FF-----");
    failed = ps_fetch_clock();
    cr_assert_eq(ps_work_start(&err), 0);
    cr_expect_lt(ps_fetch(&image, 1, 2, &begun, &err), 0);
    cr_expect_neq(err.message[0], '\0');
    cr_expect_eq(ps_fetch_clock(), failed);
    cr_expect_lt(ps_fetch(&image, 1, 2, NULL, NULL), 0);
    cr_expect_gt(ps_fetch_clock(), failed, "who comes later tries for himself");
}

/* As ps_object_release does for a moment, before it sees that there are references */
Test(fetch, a_request_has_its_reference_while_a_release_is_tried)
{
    make_image();
    atomic_store(&image.refs, 1);
    atomic_store(&image.state, PS_IMAGE_DYING);
    start(1, 1, PS_FETCH_CALL);
    cr_expect_eq(atomic_load(&image.refs), 2);
    atomic_store(&image.state, PS_IMAGE_LIVE);
    ps_fetch_perform(take(), NULL);
    cr_expect_eq(atomic_load(&image.refs), 1);
}

/* --- limits of stores ---------------------------------------------------------------- */

static bool none_to_take(void)
{
    bool is_idle;

    return ps_fetch_take(8, &is_idle) == NULL && !is_idle;
}

Test(fetch, a_store_that_is_asked_enough_keeps_nobody_from_another)
{
    struct ps_request *first, *second;
    struct ps_image other;

    make_image();
    other = image; /* of another store */
    image.handle = NULL;
    use_store("memory://limited?fetch.parallel=1&fetch.size=8K");
    start(1, 1, PS_FETCH_CALL);
    start(3, 3, PS_FETCH_CALL);
    first = take();
    cr_expect(none_to_take(), "one is under way");
    cr_assert_eq(ps_fetch_start(&other, 7, 1, PS_FETCH_CALL), 1);
    second = take();
    cr_expect_eq(second->image, &other);
    ps_fetch_perform(first, NULL); /* there is no such object */
    first = take();
    cr_expect_eq(first->run[0].count, 2, "blocks of 4096 bytes");
    cr_expect(none_to_take());
    ps_fetch_perform(second, NULL);
    cr_expect(none_to_take(), "that was one of another store");
    ps_fetch_perform(first, NULL);
    ps_fetch_perform(take(), NULL);
    expect("-F-FFF-F");
}

Test(fetch, one_of_several_is_for_who_waits)
{
    struct ps_request *ahead, *wanted;

    make_image();
    use_store("memory://limited?fetch.parallel=2");
    start(1, 1, PS_FETCH_AHEAD);
    start(3, 1, PS_FETCH_AHEAD);
    ahead = take();
    cr_expect(none_to_take());
    start(5, 1, PS_FETCH_CALL);
    wanted = take();
    cr_expect_eq(wanted->run[0].first, 5);
    ps_fetch_perform(wanted, NULL);
    ps_fetch_perform(ahead, NULL);
    ps_fetch_perform(take(), NULL);
    expect("-----F--");
}

/* --- neighbours ---------------------------------------------------------------------- */

static void expect_run(const struct ps_request *request, unsigned number, uint64_t first,
                       uint64_t count)
{
    cr_assert_lt(number, request->runs);
    cr_expect_eq(request->run[number].first, first);
    cr_expect_eq(request->run[number].count, count);
}

static void expect_idle(void)
{
    bool is_idle;

    cr_expect(ps_fetch_take(1, &is_idle) == NULL && is_idle);
}

Test(fetch, what_is_looked_ahead_to_goes_with_its_neighbours)
{
    struct ps_request *request;

    make_image();
    start(3, 1, PS_FETCH_AHEAD);
    start(4, 1, PS_FETCH_AHEAD); /* forward */
    start(1, 2, PS_FETCH_AHEAD); /* backward */
    start(6, 1, PS_FETCH_AHEAD); /* of what is between, nobody has spoken */
    request = take();
    cr_expect_eq(request->runs, 1);
    expect_run(request, 0, 1, 4);
    start(5, 1, PS_FETCH_AHEAD); /* the first is on its way */
    ps_fetch_perform(request, NULL);
    request = take();
    expect_run(request, 0, 5, 2);
    ps_fetch_perform(request, NULL);
    expect_idle();
    expect("--------"); /* no such object, and nobody asked for it */
}

Test(fetch, neighbours_are_no_more_than_a_request_may_bring)
{
    struct ps_request *request;

    make_image();
    use_store("memory://limited?fetch.size=12K");
    start(0, 2, PS_FETCH_AHEAD);
    start(2, 2, PS_FETCH_AHEAD);
    start(4, 1, PS_FETCH_AHEAD);
    expect_run(request = take(), 0, 0, 2);
    ps_fetch_perform(request, NULL);
    expect_run(request = take(), 0, 2, 3);
    ps_fetch_perform(request, NULL);
    expect_idle();
}

Test(fetch, neighbours_are_of_one_kind)
{
    struct ps_request *learned, *waited;
    struct ps_image other;

    make_image();
    other = image;
    start(1, 1, PS_FETCH_AHEAD);
    start(2, 1, PS_FETCH_LEARNED);
    start(3, 1, PS_FETCH_CALL);
    cr_assert_eq(ps_fetch_start(&other, 4, 1, PS_FETCH_LEARNED), 1);
    expect_run(waited = take(), 0, 3, 1);
    ps_fetch_perform(waited, NULL);
    for (uint64_t block = 1; block <= 2; block++) {
        expect_run(learned = take(), 0, block, 1);
        cr_expect_eq(learned->learned, block == 2);
        ps_fetch_perform(learned, NULL);
    }
    cr_expect_eq((learned = take())->image, &other);
    ps_fetch_perform(learned, NULL);
}

/* libraries.c: dlopen of a proxy, and of libraries that see libps only without RTLD_DEEPBIND */
#include "check.h"

#include <pthread.h>

static void *opened(const char *path, int flags)
{
    void *library = dlopen(path, flags);

    if (library == NULL)
        FAIL("%s", dlerror());
    return library;
}

static int count_of(void *library)
{
    int (*call_count)(void) = (int (*)(void))(uintptr_t)dlsym(library, "call_count");

    CHECK(call_count != NULL);
    return call_count();
}

/* It is one library, by whatever name of it */
static void proxy(void)
{
    void *first, *second, *other;
    int before;

    errno = 77;
    first = opened(px("library"), RTLD_NOW);
    CHECK(errno == 77);
    CHECK(count_of(first) == 1);
    second = opened(px("library"), RTLD_LAZY | RTLD_GLOBAL);
    CHECK(second == first && count_of(second) == 2);
    CHECK(chdir(getenv("PX")) == 0);
    CHECK(dlopen("./library", RTLD_NOW | RTLD_NOLOAD) == first);
    other = opened(px("library.other"), RTLD_NOW);
    CHECK(other != first && count_of(other) == 1 && count_of(first) == 3);
    /* the number that it was opened by is free again */
    before = open("/dev/null", O_RDONLY);
    opened(px("library"), RTLD_NOW);
    CHECK(close(before) == 0 && open("/dev/null", O_RDONLY) == before);
    CHECK(dlopen(px("small"), RTLD_NOW) == NULL && strstr(dlerror(), "ELF") != NULL);
    CHECK(dlopen(in("TMP", "none"), RTLD_NOW) == NULL && strstr(dlerror(), "none") != NULL);
    CHECK(dlopen(NULL, RTLD_NOW) != NULL);
}

static void child_has_it(void)
{
    void *library = opened(px("library"), RTLD_NOW);
    pid_t child = fork();

    if (child == 0) {
        CHECK(count_of(library) == 1);
        CHECK(opened(px("library"), RTLD_NOW) == library);
        _exit(0);
    }
    reap(child);
}

static void *in_thread(void *unused)
{
    (void)unused;
    return opened(px("library"), RTLD_NOW);
}

static void in_threads(void)
{
    pthread_t threads[4];
    void *library = NULL, *each;

    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, in_thread, NULL) == 0);
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_join(threads[i], &each) == 0 && (library == NULL || each == library));
        library = each;
    }
}

/* It would see libc's open, and the text of the proxy. */
static void deepbind(void)
{
    int flags = has_asan() ? RTLD_NOW : RTLD_NOW | RTLD_DEEPBIND; /* which that refuses */
    void *library = opened(in("BIN", "opened_library.so"), flags);
    int (*byte_of)(const char *, long) =
        (int (*)(const char *, long))(uintptr_t)dlsym(library, "byte_of");

    CHECK(byte_of != NULL && byte_of(px("small"), 5000) == byte_at(5000));
}

static void fails(void)
{
    hear();
    turn(1);
    CHECK(dlopen(px("library.error"), RTLD_NOW) == NULL && dlerror() != NULL);
    heard_one("error", "dlopen", NULL);
    turn(0);
    CHECK(count_of(opened(px("library.error"), RTLD_NOW)) == 1);
}

struct found {
    void *text, *data, *function;
};

extern const void *_Unwind_Find_FDE(void *at, struct found *found); /* of libgcc */

/* A cancelled thread, and who names callers, goes up through what is written in assembler. */
static void can_be_unwound(void)
{
    const char *names[] = {"dlopen", "vfork"};

    if (has_asan())
        return;
    for (int i = 0; i < 2; i++) {
        unsigned char *function = dlsym(RTLD_DEFAULT, names[i]);
        struct found found = {0};

        CHECK(function != NULL);
        if (_Unwind_Find_FDE(function + 8, &found) == NULL || found.function != function)
            FAIL("nobody knows the frame of %s", names[i]);
    }
}

int main(void)
{
    const struct check_case cases[] = {CASE(proxy),    CASE(child_has_it),   CASE(in_threads),
                                       CASE(deepbind), CASE(can_be_unwound), CASE(fails)};

    return CASES(cases, flag_off);
}

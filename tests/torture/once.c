/*
 * once.c: a little of everything, where one thing fails once
 *
 * once STORE_URL FOLDER. A round stores an object and uses it in all ways. What
 * makes something fail is the URL's (fail.at), a preload (nth.c), or fail_call.h. A round
 * that meets it has one clear error, and the next, in the same process, has none.
 * Never a wrong byte. Status 0: nothing failed; 3: something did, and all else was
 * right.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ps/ps.h>

#include "../../backends/memory/computed.h"
#include "fail_call.h"

enum { PAGE = 4096, SIZE = (1 << 20) + 123 };

static const char *url, *folder;
static unsigned char bytes[SIZE];
static sigjmp_buf before_touch;
static volatile sig_atomic_t touching;
static char why[300]; /* the last failure */

__attribute__((noreturn)) static void fail(const char *what, const char *detail)
{
    fprintf(stderr, "once: %s: %s (errno %d)\n", what, detail, errno);
    _exit(1);
}

static void on_bus(int number)
{
    if (!touching)
        _exit(128 + number);
    touching = 0;
    siglongjmp(before_touch, 1);
}

static void check(const unsigned char *at, size_t length, size_t offset)
{
    for (size_t i = 0; i < length; i++)
        if (at[i] != ps_computed_byte(offset + i))
            fail(at[i] == 0 ? "the zero of a hole" : "a wrong byte", "");
}

/* False: it failed, and says why. */
static bool good(int result, const struct ps_error *err)
{
    if (result >= 0)
        return true;
    if (err->code >= 0 || err->message[0] == '\0')
        fail("a failure without an error", "");
    snprintf(why, sizeof(why), "%s", err->message);
    return false;
}

/* False: the call failed as one may. */
static bool done(long result)
{
    if (result >= 0)
        return true;
    if (errno != EIO && errno != ESTALE && errno != ENOMEM && errno != EMFILE)
        fail("a call's error", strerror(errno));
    snprintf(why, sizeof(why), "a call: %s", strerror(errno));
    return false;
}

/* False: SIGBUS */
static bool touch(const unsigned char *map, size_t offset)
{
    unsigned char byte;

    if (sigsetjmp(before_touch, 1) != 0) {
        snprintf(why, sizeof(why), "SIGBUS at %zu", offset);
        return false;
    }
    touching = 1;
    byte = *(const volatile unsigned char *)(map + offset);
    touching = 0;
    check(&byte, 1, offset);
    return true;
}

static bool touches(const unsigned char *map)
{
    for (size_t offset = 0; offset < SIZE; offset += 3 * PAGE)
        if (!touch(map, offset))
            return false;
    return touch(map, SIZE - 1);
}

/* The child's own status is as this program's. */
static bool forks(const unsigned char *map)
{
    int status;
    pid_t child = fork();

    if (child == 0)
        _exit(touches(map) ? 0 : 3);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return done(-1);
    if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 3))
        fail("a child", "did not end well");
    return WEXITSTATUS(status) == 0;
}

static bool maps(const char *path)
{
    struct ps_error err = {0};
    size_t size = 0;
    unsigned char *map = ps_lazy_map(path, &size, NULL, &err);
    bool result;

    if (map == NULL)
        return good(-1, &err);
    result = size == SIZE && touches(map) &&
             good((int)ps_evict(map, 0, 0, &err) < 0 ? -1 : 0, &err) &&
             good(ps_prefetch(map, 0, 100 * PAGE, &err), &err) && forks(map) && touches(map) &&
             good(ps_resolve(map, 0, 0, &err), &err);
    if (result)
        check(map, SIZE, 0);
    if (ps_unmap(map) < 0)
        fail("an unmap", "");
    return result;
}

static bool mmaps(int fd)
{
    unsigned char *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    bool result;

    if (map == MAP_FAILED)
        return done(-1);
    result = touches(map);
    if (result) {
        map[5] = 1;
        result = done(mprotect(map, PAGE, PROT_READ));
    }
    if (munmap(map, SIZE) < 0)
        fail("a munmap", "");
    return result;
}

static bool reads(const char *path)
{
    static unsigned char buffer[SIZE];
    struct stat st;
    int fd = open(path, O_RDONLY);
    bool result;

    if (fd < 0)
        return done(fd);
    if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_END) != st.st_size)
        fail("a size", "");
    if (st.st_size != SIZE) { /* what a store lied about */
        close(fd);
        return false;
    }
    result = done(pread(fd, buffer, 1000, 500000));
    if (result)
        check(buffer, 1000, 500000);
    if (result && (result = done(pread(fd, buffer, SIZE, 0))))
        check(buffer, SIZE, 0);
    result = result && mmaps(fd);
    close(fd);
    return result;
}

static bool stores(struct ps_store *store, const char *key, const char *path)
{
    struct ps_error err = {0};
    struct ps_proxy proxy;
    size_t got = 0;
    void *data = NULL;

    if (!good(ps_store_put(store, key, bytes, SIZE, &proxy, &err), &err) ||
        !good(ps_store_exists(store, key, &err), &err) ||
        !good(ps_store_get(store, key, &data, &got, &err), &err))
        return false;
    check(data, got, 0);
    free(data);
    return got == SIZE && good(ps_store_proxy(store, key, &proxy, &err), &err) &&
           good(ps_proxy_write(&proxy, path, &err), &err) && reads(path) && maps(path) &&
           good(ps_store_evict(store, key, &err), &err);
}

static bool round_of(int number)
{
    struct ps_error err = {0};
    struct ps_store *store;
    char path[4096], key[32];
    bool result;

    snprintf(key, sizeof(key), "key-%d", number);
    snprintf(path, sizeof(path), "%s/proxy-%d", folder, number);
    if (!good(ps_store_open(&store, url, &err), &err))
        return false;
    result = stores(store, key, path);
    ps_store_close(store);
    return result;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_bus};

    if (argc != 3)
        return 2;
    url = argv[1];
    folder = argv[2];
    fail_call();
    alarm(30); /* a hang is a failure */
    sigaction(SIGBUS, &action, NULL);
    ps_computed_fill(bytes, SIZE, 0);
    if (round_of(1))
        return 0;
    if (!round_of(2))
        fail("the second round fails too", why);
    return 3;
}

/*
 * check.h: what the small programs of this folder share
 *
 * Byte i of a made object is byte_at(i), and never zero: a zero is always the
 * hole of an image. $DATA has the objects as plain files, $PX the proxies of
 * them, under the same names; $TMP is a folder of this run's own.
 */
#ifndef CHECK_H
#define CHECK_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- what libc and its headers have not had always; libps sees the system call -------- */

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

#if !__GLIBC_PREREQ(2, 34)
static inline int close_range(unsigned first, unsigned last, int flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}

/* only libps has it */
static inline void closefrom(int first)
{
    void (*hook)(int) = (void (*)(int))(uintptr_t)dlsym(RTLD_DEFAULT, "closefrom");

    hook(first);
}

static inline pid_t _Fork(void)
{
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}
#endif

/* --------------------------------------------------------------------------------------- */

enum { PAGE = 4096, SMALL = (1 << 20) + 123, BIG = 40000000 };

static inline unsigned char byte_at(uint64_t i)
{
    return (unsigned char)(1 + ((i * 0x9e3779b97f4a7c15ULL) >> 40) % 255);
}

__attribute__((format(printf, 3, 4), noreturn)) static inline void
check_fail(const char *file, int line, const char *format, ...)
{
    char text[600];
    int cause = errno;
    int used = snprintf(text, sizeof(text), "%s:%d: ", file, line);
    va_list list;

    va_start(list, format);
    used += vsnprintf(text + used, sizeof(text) - (size_t)used - 40, format, list);
    va_end(list);
    if (used > (int)sizeof(text) - 60)
        used = (int)sizeof(text) - 60;
    used += snprintf(text + used, sizeof(text) - (size_t)used, " (errno %d, pid %d)\n", cause,
                     (int)getpid());
    syscall(SYS_write, 1, text, used);
    _exit(1);
}

#define FAIL(...) check_fail(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            FAIL("not so: %s", #condition);                                                        \
    } while (0)
/* FAILS(call, EIO): it returns -1 with that errno */
#define FAILS(call, error)                                                                         \
    do {                                                                                           \
        long result_;                                                                              \
        errno = 0;                                                                                 \
        result_ = (long)(call);                                                                    \
        if (result_ != -1 || errno != (error))                                                     \
            FAIL("%s gave %ld, wanted %s", #call, result_, #error);                                \
    } while (0)
#define BYTES(at, size, offset) check_bytes(__FILE__, __LINE__, at, size, offset)

/* The bytes of an object from offset on. Reads the memory once, front to back. */
static inline void check_bytes(const char *file, int line, const void *at, size_t size,
                               uint64_t offset)
{
    const volatile unsigned char *bytes = at;

    for (size_t i = 0; i < size; i++) {
        unsigned char seen = bytes[i];
        if (seen != byte_at(offset + i))
            check_fail(file, line, "%s at %llu: 0x%02x, not 0x%02x",
                       seen == 0 ? "ZERO" : "wrong byte", (unsigned long long)(offset + i), seen,
                       byte_at(offset + i));
    }
}

static inline const char *in(const char *variable, const char *name)
{
    static __thread char paths[8][1024];
    static __thread unsigned turn;
    char *path = paths[turn++ % 8];

    CHECK(getenv(variable) != NULL);
    snprintf(path, sizeof(paths[0]), "%s/%s", getenv(variable), name);
    return path;
}

static inline const char *px(const char *name)
{
    return in("PX", name);
}

static inline const char *data(const char *name)
{
    return in("DATA", name);
}

static inline const char *tmp(const char *name)
{
    return in("TMP", name);
}

static inline int open_px(const char *name)
{
    int fd = open(px(name), O_RDONLY);

    if (fd < 0)
        FAIL("open of %s", px(name));
    return fd;
}

/*
 * A hint for mmap, far below where the kernel puts what has none: a hole that a
 * test makes there stays one, and no thread's buffer gets into it.
 */
#define LONE_PLACE ((void *)0x200000000000)

/* A mapping of a whole proxied file; the descriptor is closed, as most programs do. */
static inline unsigned char *map_px(const char *name, size_t size, int prot, int flags)
{
    int fd = open_px(name);
    void *at = mmap(NULL, size, prot, flags, fd, 0);

    if (at == MAP_FAILED)
        FAIL("mmap of %s", px(name));
    CHECK(close(fd) == 0);
    return at;
}

/* Its runtime has functions of libc of its own, and must be the first that is preloaded. */
static inline int has_asan(void)
{
    return dlsym(RTLD_DEFAULT, "__asan_init") != NULL;
}

/* A stack that small programs have; what AddressSanitizer's runtime needs of it comes on top. */
static inline size_t small_stack(size_t size)
{
    return has_asan() ? size + 32768 : size;
}

/* Memcheck tells of wild pointers, also where the program means them. */
static inline int in_valgrind(void)
{
    return strcmp(getenv("MODE"), "valgrind") == 0;
}

/* A hang is a failure: the process ends after so many seconds, or more where all is slower. */
static inline void time_limit(unsigned seconds)
{
    int slower = in_valgrind() || has_asan();

    alarm(slower ? 8 * seconds : seconds);
}

/* End of a child that should have gone well. */
static inline void reap(pid_t child)
{
    int status = 0;

    CHECK(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    if (status != 0)
        FAIL("child: %s %d", WIFSIGNALED(status) ? "signal" : "status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* Stores behind fail+ fail while this is on. */
static inline void turn(int on)
{
    int fd;

    if (on) {
        fd = open(in("FLAGS", "on"), O_WRONLY | O_CREAT, 0666);
        CHECK(fd >= 0 && close(fd) == 0);
    } else {
        CHECK(unlink(in("FLAGS", "on")) == 0);
    }
}

/* Behind each case, which may have ended while it was on */
static inline void flag_off(void)
{
    unlink(in("FLAGS", "on"));
}

/* --- cases, each in a child of its own ---------------------------------------------- */

struct check_case {
    void (*run)(void);
    const char *name;
};

#define CASE(function)                                                                             \
    {                                                                                              \
        function, #function                                                                        \
    }

/* CASES(cases, after): main's status; after (may be NULL) runs here when a case has ended */
#define CASES(cases, after) check_cases(cases, sizeof(cases) / sizeof((cases)[0]), after)

static inline int check_cases(const struct check_case *cases, size_t count, void (*after)(void))
{
    int failed = 0;

    for (size_t i = 0; i < count; i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            time_limit(8);
            cases[i].run();
            _exit(0);
        }
        CHECK(child > 0 && waitpid(child, &status, 0) == child);
        if (status != 0) {
            char line[200];
            int size = snprintf(line, sizeof(line), "%s: ended with 0x%x\n", cases[i].name, status);
            failed = write(1, line, (size_t)size) > 0;
        }
        if (after != NULL)
            after();
    }
    return failed;
}

/* --- what libps says on stderr ---------------------------------------------------- */

/* From here on stderr goes to a file. */
static inline void hear(void)
{
    int fd = open(tmp("heard"), O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);

    CHECK(fd >= 0 && dup2(fd, 2) == 2 && close(fd) == 0);
}

/* The lines so far, in memory that is good until the next call. */
static inline const char *heard(int *lines)
{
    static char text[1 << 16];
    int fd = open(tmp("heard"), O_RDONLY);
    ssize_t got;

    CHECK(fd >= 0);
    got = read(fd, text, sizeof(text) - 1);
    CHECK(got >= 0 && close(fd) == 0);
    text[got] = '\0';
    *lines = 0;
    for (char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        ++*lines;
    return text;
}

/* Exactly one line was said since hear(), it is libps's, and it has all of these words in it. */
static inline void heard_one(const char *first, ...)
{
    int lines;
    const char *text = heard(&lines);
    va_list list;

    if (lines != 1 || strncmp(text, "libps: ", 7) != 0)
        FAIL("%d lines on stderr: %.400s", lines, text);
    va_start(list, first);
    for (const char *word = first; word != NULL; word = va_arg(list, const char *))
        if (strstr(text, word) == NULL)
            FAIL("no \"%s\" in: %.400s", word, text);
    va_end(list);
}

static inline void heard_nothing(void)
{
    int lines;
    const char *text = heard(&lines);

    if (text[0] != '\0')
        FAIL("on stderr: %.400s", text);
}

/* --- faults ------------------------------------------------------------------------ */

static sigjmp_buf fault_back;
static void *volatile fault_address;
static volatile int fault_signal;

static inline void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    fault_signal = number;
    fault_address = info->si_addr;
    siglongjmp(fault_back, 1);
}

static inline void catch_faults(int number)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

    sigemptyset(&action.sa_mask);
    CHECK(sigaction(number, &action, NULL) == 0);
}

/* FAULT(statement): the signal that it raised, or 0; then fault_address is where */
#define FAULT(statement)                                                                           \
    (fault_signal = 0, sigsetjmp(fault_back, 1) == 0 ? ((void)({ statement; }), 0) : fault_signal)

/* --- around the shim ------------------------------------------------------------- */

/* $RAW=1: the test goes around what it tests, and must be seen to fail. */
static inline int is_raw(void)
{
    return getenv("RAW") != NULL;
}

/* A system call that no library sees. */
static inline long raw_call(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;

    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
#else
#error "no system call known for this machine"
#endif
}

static inline pid_t raw_fork(void)
{
    return (pid_t)raw_call(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
}

#endif

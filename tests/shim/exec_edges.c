/*
 * exec_edges.c: where exec and posix_spawn must do what they do without libps
 *
 * run: no-asan
 */
#include "check.h"

#include <elf.h>
#include <limits.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/resource.h>

extern char **environ;

enum { PROXY_SIZE = 4093 };

static char *words[] = {(char *)"name", NULL};

static int status_of(pid_t child)
{
    int status;

    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* --- bad lists ---------------------------------------------------------------------------- */

static void wild_lists(const char *path)
{
    char **volatile nowhere = (char **)8, *wild[] = {(char *)8, NULL};
    pid_t child;

    FAILS(execve(path, words, nowhere), EFAULT);
    FAILS(execve(path, words, wild), EFAULT);
    FAILS(execve(path, nowhere, environ), EFAULT);
    FAILS(execve(path, wild, environ), EFAULT);
    FAILS(execvpe(path, words, wild), EFAULT);
    FAILS(syscall(SYS_execveat, AT_FDCWD, path, words, nowhere, 0), EFAULT);
    FAILS(syscall(SYS_execve, path, nowhere, environ), EFAULT);
    FAILS(execve("/none", words, nowhere), ENOENT);
    CHECK(posix_spawn(&child, path, NULL, NULL, words, nowhere) == EFAULT);
    CHECK(posix_spawnp(&child, path, NULL, NULL, words, wild) == EFAULT);
}

/* Also behind the last page that can be read, and where there is something to do */
static void bad_lists(void)
{
    char *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char **last = (char **)(void *)(page + PAGE) - 1;

    CHECK(munmap(page + PAGE, PAGE) == 0);
    *last = words[0];
    wild_lists("/bin/true");
    FAILS(execve("/bin/true", words, last), EFAULT);
    FAILS(execve("/bin/true", last, environ), EFAULT);
    CHECK(open_px("small") >= 0);
    wild_lists("/bin/true");
    CHECK(setenv("PS_SUPERVISOR", "/bin/false", 1) == 0);
    wild_lists(in("BIN", "unaware_reader"));
}

/* --- the stack ---------------------------------------------------------------------------- */

enum { STACK = 1 << 16 };

static void (*step)(void);

static void *painted_begins(void *unused)
{
    step();
    return unused;
}

static void by_execve(void)
{
    execve("/none", words, environ);
}

static void by_spawn(void)
{
    pid_t child;

    CHECK(posix_spawn(&child, "/none", NULL, NULL, words, environ) == ENOENT);
}

static void nothing(void)
{
}

/* So much of its stack a thread wrote to */
static size_t used_by(void (*what)(void))
{
    unsigned char *stack =
        mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_t attributes;
    pthread_t thread;
    size_t free_bytes = 0;

    what(); /* what the loader looks up at the first call is its own affair */
    step = what;
    memset(stack, 0xa5, STACK);
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstack(&attributes, stack, STACK) == 0);
    CHECK(pthread_create(&thread, &attributes, painted_begins, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    while (free_bytes < STACK && stack[free_bytes] == 0xa5)
        free_bytes++;
    CHECK(munmap(stack, STACK) == 0);
    return STACK - free_bytes;
}

/* Threads with the least of stacks, and vforked children, run programs too. */
static void stack(void)
{
    size_t least = used_by(nothing), exec = used_by(by_execve), spawn = used_by(by_spawn);

    if (exec > least + 2048)
        FAIL("execve takes %zu bytes of stack", exec - least);
    if (spawn > least + 2048)
        FAIL("posix_spawn takes %zu bytes of stack", spawn - least);
}

/* --- programs of a proxy's size -------------------------------------------------------------- */

/* It ends with 33, and is as long as a proxy. */
static void make_tiny(const char *path, mode_t mode)
{
#if defined(__x86_64__)
    static const unsigned char code[] = {0xbf, 33, 0, 0, 0, 0xb8, 231, 0, 0, 0, 0x0f, 0x05};
    enum { MACHINE = EM_X86_64 };
#else
    static const uint32_t code[] = {0xd2800420, 0xd2800bc8, 0xd4000001};
    enum { MACHINE = EM_AARCH64 };
#endif
    enum { HEADERS = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr), BASE = 0x400000 };
    unsigned char file[PROXY_SIZE] = {0};
    Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                         .e_type = ET_EXEC,
                         .e_machine = MACHINE,
                         .e_version = EV_CURRENT,
                         .e_entry = BASE + HEADERS,
                         .e_phoff = sizeof(Elf64_Ehdr),
                         .e_ehsize = sizeof(Elf64_Ehdr),
                         .e_phentsize = sizeof(Elf64_Phdr),
                         .e_phnum = 1};
    Elf64_Phdr segment = {.p_type = PT_LOAD,
                          .p_flags = PF_R | PF_X,
                          .p_vaddr = BASE,
                          .p_filesz = PROXY_SIZE,
                          .p_memsz = PROXY_SIZE,
                          .p_align = 0x10000};
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0700);

    memcpy(file, &header, sizeof(header));
    memcpy(file + sizeof(header), &segment, sizeof(segment));
    memcpy(file + HEADERS, code, sizeof(code));
    CHECK(fd >= 0 && write(fd, file, PROXY_SIZE) == PROXY_SIZE);
    CHECK(fchmod(fd, mode) == 0 && close(fd) == 0);
}

static void no_descriptor_is_left(void)
{
    struct rlimit limit = {64, 64};

    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    while (fcntl(0, F_DUPFD_CLOEXEC, 0) >= 0)
        ;
}

/* The kernel runs what the program can't read, and needs no number for it. */
static void tiny(void)
{
    pid_t child;

    make_tiny(tmp("tiny"), 0111);
    CHECK(setenv("PATH", in("TMP", ""), 1) == 0);
    if ((child = fork()) == 0)
        _exit(execvp("tiny", words));
    CHECK(status_of(child) == 33);
    CHECK(posix_spawn(&child, tmp("tiny"), NULL, NULL, words, environ) == 0);
    CHECK(status_of(child) == 33);
    CHECK(posix_spawnp(&child, "tiny", NULL, NULL, words, environ) == 0);
    CHECK(status_of(child) == 33);
    if ((child = fork()) == 0) {
        no_descriptor_is_left();
        _exit(execvp("tiny", words));
    }
    CHECK(status_of(child) == 33);
}

/* A folder, and what may not be run, are no end of the search. */
static void behind_others(void)
{
    char path[3000], *cat[] = {(char *)"program", NULL};
    pid_t child;
    int fd;

    CHECK(mkdir(tmp("folder"), 0755) == 0 && mkdir(tmp("plain"), 0755) == 0);
    CHECK(mkdir(tmp("folder/program"), 0755) == 0);
    fd = open(tmp("plain/program"), O_WRONLY | O_CREAT, 0600);
    CHECK(fd >= 0 && close(fd) == 0);
    snprintf(path, sizeof(path), "%s:%s:%s", tmp("folder"), tmp("plain"), getenv("PX"));
    CHECK(setenv("PATH", path, 1) == 0);
    if ((child = fork()) == 0)
        _exit(execvp("program", cat));
    CHECK(status_of(child) == 33);
    CHECK(posix_spawnp(&child, "program", NULL, NULL, cat, environ) == 0);
    CHECK(status_of(child) == 33);
}

/* A proxy that may not be run is not, whoever looks first. */
static void not_to_be_run(void)
{
    pid_t child;

    CHECK(posix_spawn(&child, px("small"), NULL, NULL, words, environ) == EACCES);
    CHECK(posix_spawnp(&child, px("small"), NULL, NULL, words, environ) == EACCES);
    FAILS(execvp(px("small"), words), EACCES);
}

/* --- file actions ------------------------------------------------------------------------- */

/* What they open or make is opened and made once. */
static void actions_once(void)
{
    posix_spawn_file_actions_t actions;
    pid_t child;

    CHECK(posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawn_file_actions_addopen(&actions, 1, tmp("new"), O_WRONLY | O_CREAT | O_EXCL,
                                           0600) == 0);
    CHECK(posix_spawn(&child, px("program"), &actions, NULL, words, environ) == 0);
    CHECK(status_of(child) == 33 && unlink(tmp("new")) == 0);
    CHECK(setenv("PATH", getenv("PX"), 1) == 0);
    CHECK(posix_spawnp(&child, "program", &actions, NULL, words, environ) == 0);
    CHECK(status_of(child) == 33 && unlink(tmp("new")) == 0);
    CHECK(posix_spawn(&child, (char *)8, &actions, NULL, words, environ) == EFAULT);
}

/* --- another user ---------------------------------------------------------------------------- */

/* The loader complains about what it can't preload. */
static void not_for_this_user(void)
{
    char *nothing_at_all[] = {NULL};
    pid_t child;

    if (getuid() != 0)
        return;
    child = fork();
    if (child == 0) {
        hear();
        CHECK(chmod(tmp("heard"), 0666) == 0 && setresuid(65534, 65534, 65534) == 0);
        execve("/bin/true", words, nothing_at_all);
    }
    CHECK(status_of(child) == 0);
    heard_nothing();
}

static int in_private(void)
{
    char command[3000];

    snprintf(command, sizeof(command), "mkdir -m 700 %s && cp ${LD_PRELOAD##*:} %s/libps.so.1",
             tmp("private"), tmp("private"));
    CHECK(system(command) == 0);
    CHECK(setenv("LD_PRELOAD", tmp("private/libps.so.1"), 1) == 0);
    return execl("/proc/self/exe", "exec_edges", "private", (char *)NULL);
}

int main(int argc, char **argv)
{
    const struct check_case cases[] = {CASE(bad_lists),     CASE(stack),
                                       CASE(tiny),          CASE(behind_others),
                                       CASE(not_to_be_run), CASE(actions_once)};
    const struct check_case private_cases[] = {CASE(not_for_this_user)};

    (void)argv;
    if (argc == 2)
        return CASES(private_cases, NULL);
    return CASES(cases, NULL) ? 1 : in_private();
}

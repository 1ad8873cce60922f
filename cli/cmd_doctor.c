/* cmd_doctor.c: psctl doctor: what libps finds on this machine */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <gnu/libc-version.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "psctl.h"

static int is_json, has_lines; /* how lines are printed; one was */

static void line(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void line(const char *name, const char *format, ...)
{
    char text[PATH_MAX + 256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (is_json) {
        fputs(has_lines ? ", " : "{", stdout);
        json_string(stdout, name);
        fputs(": ", stdout);
        json_string(stdout, text);
    } else {
        printf("%-30s ", name);
        print_clean(stdout, text);
        putchar('\n');
    }
    has_lines = 1;
}

/* read_setting: the first line of a small file of the kernel's; 0 when it can't be read */
static int read_setting(const char *path, char *text, size_t size)
{
    int fd = raw_open(path, O_RDONLY, 0);
    ssize_t n;

    if (fd < 0)
        return 0;
    n = raw_pread(fd, text, size - 1, 0);
    close(fd);
    if (n < 0)
        return 0;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return 1;
}

static void show_release(void)
{
    struct utsname kernel;
    Dl_info info;

    line("libps", "%s", ps_version());
    if (dladdr((void *)(uintptr_t)ps_version, &info) != 0 && info.dli_fname != NULL)
        line("library", "%s", info.dli_fname);
    if (uname(&kernel) == 0)
        line("kernel", "%s %s", kernel.release, kernel.machine);
    line("libc", "glibc %s", gnu_get_libc_version());
    line("user", "uid %u, gid %u", (unsigned)geteuid(), (unsigned)getegid());
}

static void show_kernel(void)
{
    char text[256];

    if (read_setting("/proc/sys/vm/unprivileged_userfaultfd", text, sizeof(text)))
        line("vm.unprivileged_userfaultfd", "%s%s", text,
             strcmp(text, "0") == 0 ? " (root only; others: user-mode faults)" : "");
    else
        line("vm.unprivileged_userfaultfd", "not there");
    if (access("/dev/userfaultfd", R_OK | W_OK) == 0)
        line("/dev/userfaultfd", "may be opened");
    else
        line("/dev/userfaultfd", "%s", errno == ENOENT ? "not there" : strerror(errno));
    if (read_setting("/sys/kernel/mm/transparent_hugepage/shmem_enabled", text, sizeof(text)))
        line("shmem_enabled", "%s", text);
    else
        line("shmem_enabled", "not there");
}

/* show_proc: without /proc, descriptors have no names, and psctl run --stats has no board */
static int show_proc(void)
{
    int is_there = access("/proc/self/fd", R_OK | X_OK) == 0;

    line("/proc", "%s", is_there ? "mounted" : "NOT MOUNTED: libps needs it");
    return is_there ? STATUS_OK : STATUS_FAILED;
}

static void show_limit(const char *name, int resource, const char *remark)
{
    char soft[32] = "unlimited", hard[32] = "unlimited";
    struct rlimit limit;

    if (getrlimit((__rlimit_resource_t)resource, &limit) != 0)
        return;
    if (limit.rlim_cur != RLIM_INFINITY)
        snprintf(soft, sizeof(soft), "%llu", (unsigned long long)limit.rlim_cur);
    if (limit.rlim_max != RLIM_INFINITY)
        snprintf(hard, sizeof(hard), "%llu", (unsigned long long)limit.rlim_max);
    line(name, "%s (at most %s)%s", soft, hard, limit.rlim_cur != RLIM_INFINITY ? remark : "");
}

/* show_engines_json: lines "  name  state", one for each engine, and then "name: text" */
static void show_engines_json(char *text)
{
    char *save = NULL, *at = strtok_r(text, "\n", &save), *rest;

    fputs(", \"engines\": [", stdout);
    for (const char *comma = ""; at != NULL && at[0] == ' '; comma = ", ") {
        at += strspn(at, " ");
        rest = at + strcspn(at, " ");
        printf("%s{\"engine\": \"%.*s\"", comma, (int)(rest - at), at);
        json_field("state", rest + strspn(rest, " "));
        putchar('}');
        at = strtok_r(NULL, "\n", &save);
    }
    putchar(']');
    for (; at != NULL; at = strtok_r(NULL, "\n", &save))
        if ((rest = strstr(at, ": ")) != NULL) {
            *rest = '\0';
            line(at, "%s", rest + 2);
        }
}

/* show_engines: what the library advises is about engines alone */
static int show_engines(int has_proc)
{
    struct ps_error err = {0};
    char text[8192] = "";
    int result = ps_engine_describe(text, sizeof(text), &err);
    char *advice = has_proc ? NULL : strstr(text, "advice: ");
    size_t length;

    if (advice != NULL)
        strcpy(advice, "advice: mount /proc\n");
    length = strlen(text);
    if (is_json)
        show_engines_json(text);
    else
        printf("\n%s%s", text, length > 0 && text[length - 1] != '\n' ? "\n" : "");
    return result < 0 ? fail("%s", err.message) : STATUS_OK;
}

static int show_configuration(void)
{
    struct ps_store *store;
    struct ps_error err = {0};
    char path[PATH_MAX];

    if (config_path(path, sizeof(path)))
        line("configuration", "%s%s", path, access(path, F_OK) == 0 ? "" : " (not there)");
    else
        line("configuration", "none: HOME is not set");
    if (ps_store_open(&store, NULL, &err) < 0) {
        line("default store", "NOT USABLE: %s", err.message);
        return STATUS_FAILED;
    }
    ps_store_close(store);
    /* no failure: a job that only reads proxies needs no home of its own */
    if (default_store_writable(path))
        line("default store", "opens");
    else
        line("default store", "CAN'T BE WRITTEN: no put can make a file in %s: %s", path,
             strerror(errno));
    return STATUS_OK;
}

static int examine(void)
{
    int status, has_proc;

    show_release();
    show_kernel();
    status = show_proc();
    has_proc = status == STATUS_OK;
    show_limit("RLIMIT_NOFILE", RLIMIT_NOFILE, "");
    show_limit("RLIMIT_FSIZE", RLIMIT_FSIZE, ": objects larger than this fail");
    if (show_configuration() != STATUS_OK)
        status = STATUS_FAILED;
    if (show_engines(has_proc) != STATUS_OK)
        status = STATUS_FAILED;
    if (is_json)
        printf(", \"works\": %s}\n", status == STATUS_OK ? "true" : "false");
    return status;
}

int cmd_doctor(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":jh", options, NULL)) != -1) {
        if (option == 'j')
            is_json = 1;
        else if (option == 'h')
            return show_help(self);
        else
            return bad_option(self, option, argv);
    }
    if (optind < argc)
        return usage(self, "doctor takes no argument");
    return examine();
}

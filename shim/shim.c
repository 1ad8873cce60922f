/*
 * shim.c: what happens when libps comes into a process
 *
 * Nothing but this: the next libc's functions are found, fork handlers are
 * registered, and standard input is looked at: "prog < proxy" gives an image
 * (from a preloaded shell) or a proxy file (from any other). No thread, no
 * file, no socket before the first proxy.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ps/ps.h>

#include "base/guard.h"
#include "base/sys.h"
#include "environment.h"
#include "fork.h"
#include "inherit.h"
#include "mount.h"
#include "preload.h"
#include "process.h"
#include "program.h"
#include "real.h"
#include "stdio_slots.h"
#include "view.h"

/*
 * Is libps preloaded, or linked to the program? Not when dlopen loads it: that
 * runs this under the loader's lock, where no worker may be waited for, which
 * may want to load a module; and the program's reads don't come here anyway.
 */
static bool is_part_of_program(void)
{
    void *program = dlopen(NULL, RTLD_LAZY);
    bool is = program != NULL && dlsym(program, "ps_version") == (void *)(uintptr_t)ps_version;

    if (program != NULL)
        dlclose(program);
    return is;
}

/*
 * The program is running already, so an open can't fail any more: its reads
 * must, and those of children without libps, who would see the proxy's text.
 * Of a socket that nobody is at the other end of, that is ENOTCONN. (Not EBADF,
 * of which runtimes of languages make an empty standard input.)
 */
static void make_stdin_fail(void)
{
    int dead = (int)sys_call3(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (dead < 0)
        dead = sys_openat(AT_FDCWD, "/", O_PATH | O_CLOEXEC, 0);
    if (dead < 0 || sys_dup3(dead, 0, 0) < 0)
        sys_close(0);
    sys_close(dead);
    ps_view_forget(0);
}

/* Defined by psctl: a proxy on its standard input is for the program that it runs, or is shown. */
extern const char ps_stdin_as_it_is __attribute__((weak, visibility("default")));

static int open_stdin(const struct stat *st)
{
    struct ps_view view;
    int flags, kind;

    if (st->st_nlink == 0) {
        kind = ps_view_get(0, &view);
        if (kind > PS_VIEW_PLAIN)
            ps_image_put(view.image);
        return kind;
    }
    flags = sys_fcntl(0, F_GETFL, 0);
    if (&ps_stdin_as_it_is != NULL || (flags & O_ACCMODE) == O_WRONLY ||
        sys_lseek(0, 0, SEEK_CUR) != 0)
        return 0;
    /* opened for writing too, by "<>": it is read all the same, and writes to it are EBADF */
    return ps_view_opened(0, O_RDONLY, "standard input", "standard input", NULL);
}

static void look_at_stdin(void)
{
    struct stat st;

    if (sys_fstat(0, &st) < 0 || !S_ISREG(st.st_mode) ||
        (st.st_nlink != 0 && st.st_size != PS_PROXY_FILE_SIZE) || !is_part_of_program())
        return;
    if (open_stdin(&st) < 0)
        make_stdin_fail();
}

struct paths {
    const char *library, *loader;
};

static int find_paths(struct dl_phdr_info *object, size_t size, void *argument)
{
    extern const char own_start[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));
    struct paths *paths = argument;

    (void)size;
    if (object->dlpi_addr == (uintptr_t)own_start)
        paths->library = object->dlpi_name;
    if (object->dlpi_addr == getauxval(AT_BASE))
        paths->loader = object->dlpi_name;
    return 0;
}

static void before_fork(void)
{
    ps_inherit_any(); /* now, else each child of a shell looks for itself */
    ps_process_prepare();
}

/* glibc gives constructors what main gets */
__attribute__((constructor)) static void begin(int argc, char **argv, char **environment)
{
    struct paths paths = {NULL, NULL};
    int saved = errno;

    ps_real_find();
    ps_fork_begin();
    ps_map_first = ps_stdio_patch;
    if (getauxval(AT_SECURE))
        return;
    dl_iterate_phdr(find_paths, &paths);
    (void)argc;
    /* psctl does it itself */
    if (ps_mount_wanted(environment) && &ps_stdin_as_it_is == NULL && is_part_of_program())
        ps_mount_begin(paths.library, argv, environment);
    ps_program_begin(paths.library, paths.loader, environ);
    ps_environment_begin(paths.library, environ);
    pthread_atfork(before_fork, ps_fork_parent, ps_process_child);
    look_at_stdin();
    errno = saved;
}

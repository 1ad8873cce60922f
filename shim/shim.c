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
#include <pthread.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <ps/ps.h>

#include "base/guard.h"
#include "base/sys.h"
#include "fork.h"
#include "preload.h"
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

static void look_at_stdin(void)
{
    struct ps_view view;
    struct stat st;
    int kind = PS_VIEW_PLAIN, flags;

    if (sys_fstat(0, &st) < 0 || !S_ISREG(st.st_mode) ||
        (st.st_nlink != 0 && st.st_size != PS_PROXY_FILE_SIZE) || !is_part_of_program())
        return;
    if (st.st_nlink == 0) {
        kind = ps_view_get(0, &view);
    } else if (sys_lseek(0, 0, SEEK_CUR) == 0) {
        flags = sys_fcntl(0, F_GETFL, 0);
        ps_view_opened(0, flags & O_ACCMODE, "standard input", "standard input", NULL);
    }
    if (kind > PS_VIEW_PLAIN)
        ps_image_put(view.image);
}

__attribute__((constructor)) static void begin(void)
{
    int saved = errno;

    ps_real_find();
    ps_fork_begin();
    if (getauxval(AT_SECURE))
        return;
    pthread_atfork(ps_fork_prepare, ps_fork_parent, ps_fork_child);
    look_at_stdin();
    errno = saved;
}

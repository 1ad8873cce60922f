/*
 * call_dlopen.c: libraries that are proxies, and libraries that would not see the hooks
 *
 * The loader reads and maps by calls of its own, so an image is fetched whole,
 * never dropped, and named by libps's own descriptor of it, which stays open:
 * the loader knows libraries by their names and files. RTLD_DEEPBIND would
 * show a library libc's functions before libps's, so it is taken off.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>

#include "base/sys.h"
#include "base/text.h"
#include "hook.h"
#include "real.h"
#include "view.h"

/* What libc is asked for; two registers */
struct request {
    const char *path;
    long flags;
};

void *(*ps_dlopen_next)(const char *, int)__attribute__((visibility("hidden")));

/* The proxied library's name for the loader, or path. */
static const char *library(const char *path)
{
    static __thread char name[PS_FD_PATH] __attribute__((tls_model("initial-exec")));
    struct ps_view view;
    struct stat st;
    int fd, kind;

    if (sys_fstatat(AT_FDCWD, path, &st, 0) < 0 || !S_ISREG(st.st_mode) ||
        st.st_size != PS_PROXY_FILE_SIZE)
        return path;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return path; /* which the loader finds to be no library */
    kind = ps_view_get(fd, &view);
    if (kind == PS_VIEW_DIRECT ||
        (kind == PS_VIEW_IMAGE && ps_preload_unseen(view.image, "dlopen", fd) == 0))
        path = ps_fd_path(name, view.image->fd); /* the reference is kept */
    else if (kind > PS_VIEW_PLAIN)
        ps_image_put(view.image);
    ps_view_forget(fd);
    sys_close(fd);
    return path;
}

static struct request prepare(const char *path, int flags) __asm__("ps_dlopen_prepare")
    __attribute__((used));

static struct request prepare(const char *path, int flags)
{
    struct request request = {path, flags};
    int saved = errno;

    ps_dlopen_next = REAL(dlopen);
    if (path == NULL || ps_guard_held())
        return request;
    if ((flags & RTLD_DEEPBIND) && !ps_preload_off())
        request.flags = flags & ~RTLD_DEEPBIND;
    if (strchr(path, '/') != NULL)
        request.path = library(path);
    errno = saved;
    return request;
}

/* libc looks for the library as its caller would, which it knows by the return address: jump. */
#if defined(__x86_64__)
__asm__(".text\n.globl dlopen\n.type dlopen, @function\n"
        "dlopen:\n"
        "\t.cfi_startproc\n"
        "\tendbr64\n"
        "\tsubq $8, %rsp\n"
        "\t.cfi_adjust_cfa_offset 8\n"
        "\tcall ps_dlopen_prepare\n"
        "\taddq $8, %rsp\n"
        "\t.cfi_adjust_cfa_offset -8\n"
        "\tmovq %rax, %rdi\n"
        "\tmovq %rdx, %rsi\n"
        "\tjmp *ps_dlopen_next(%rip)\n"
        "\t.cfi_endproc\n"
        ".size dlopen, . - dlopen\n");
#elif defined(__aarch64__)
__asm__(".text\n.globl dlopen\n.type dlopen, %function\n"
        "dlopen:\n"
        "\t.cfi_startproc\n"
        "\thint 34\n" /* bti c */
        "\tstp x29, x30, [sp, -16]!\n"
        "\t.cfi_adjust_cfa_offset 16\n"
        "\t.cfi_offset x29, -16\n"
        "\t.cfi_offset x30, -8\n"
        "\tbl ps_dlopen_prepare\n"
        "\tldp x29, x30, [sp], 16\n"
        "\t.cfi_adjust_cfa_offset -16\n"
        "\t.cfi_restore x29\n"
        "\t.cfi_restore x30\n"
        "\tadrp x16, ps_dlopen_next\n"
        "\tldr x16, [x16, :lo12:ps_dlopen_next]\n"
        "\tbr x16\n"
        "\t.cfi_endproc\n"
        ".size dlopen, . - dlopen\n");
#endif

/* preload.c: see preload.h */
#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "base/sys.h"
#include "base/text.h"
#include "config.h"
#include "engine/engine.h"
#include "object.h"
#include "proxy_file.h"
#include "report.h"
#include "touch.h"
#include "work.h"

static int to_errno(const struct ps_error *err)
{
    if (err->code == PS_E_NOMEM)
        return err->sys_errno == EMFILE ? -EMFILE : -ENOMEM;
    return err->code == PS_E_REFUSED ? -EACCES : -EIO;
}

bool ps_preload_off(void)
{
    const struct ps_config *config;

    if (getauxval(AT_SECURE))
        return true;
    config = ps_config_get(NULL);
    return config != NULL && config->disable; /* a wrong configuration is reported by the open */
}

bool ps_preload_segv(void)
{
    return ps_segv_started();
}

/* --- opening ------------------------------------------------------------------- */

struct opening {
    struct ps_view *view;
    int fd;
    const struct stat *st;
    int flags;
    struct ps_error error;
};

/* The folder of the file that is open, as the kernel knows it: no link can mislead it. */
static int folder_of(char *folder, int fd, struct ps_error *err)
{
    char path[PS_FD_PATH];
    ssize_t length = sys_readlinkat(AT_FDCWD, ps_fd_path(path, fd), folder, PATH_MAX - 1);
    char *slash;

    if (length < 0)
        return ps_error_set(err, PS_E_SYSTEM, (int)-length, "libps needs /proc");
    folder[length] = '\0';
    slash = strrchr(folder, '/');
    if (folder[0] != '/' || slash == NULL)
        return ps_error_set(err, PS_E_INVALID, 0, "a proxy file without a folder");
    slash[slash == folder ? 1 : 0] = '\0';
    return 0;
}

/* A proxy may be opened for writing only: look at it through another descriptor. */
static int read_proxy(struct opening *open, struct ps_proxy *proxy)
{
    char path[PS_FD_PATH];
    int fd, result;

    if ((open->flags & O_ACCMODE) != O_WRONLY)
        return ps_proxy_probe_fd(open->fd, proxy, &open->error);
    fd = sys_openat(AT_FDCWD, ps_fd_path(path, open->fd), O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return 0; /* what can't be read is no proxy to this user */
    result = ps_proxy_probe_fd(fd, proxy, &open->error);
    sys_close(fd);
    return result;
}

static int replace(struct opening *open, const struct ps_image *image)
{
    int fd = ps_image_open(image, open->flags), result;

    if (fd < 0)
        return ps_error_set(&open->error, PS_E_NOMEM, -fd, "can't open an image");
    result = sys_dup3(fd, open->fd, open->flags & O_CLOEXEC);
    sys_close(fd);
    if (result < 0)
        return ps_error_set(&open->error, PS_E_SYSTEM, -result, "dup3 of an image");
    return 0;
}

/* On a worker: the configuration, the store and perhaps a module are needed. */
static int open_on_worker(void *argument)
{
    struct opening *open = argument;
    char folder[PATH_MAX];
    struct ps_origin origin = {folder, open->st};
    struct ps_proxy proxy;
    struct ps_image *image;
    int result = read_proxy(open, &proxy);

    if (result == 0 || (result > 0 && ps_preload_off()))
        return PS_SWAP_NO;
    if (result > 0 && (open->flags & O_ACCMODE) != O_RDONLY)
        return -EROFS;
    if (result > 0)
        result = folder_of(folder, open->fd, &open->error);
    if (result == 0)
        result = ps_object_open(&image, &proxy, &origin, &open->view->name, &open->error);
    if (result < 0)
        return to_errno(&open->error);
    if (replace(open, image) < 0) {
        ps_image_put(image);
        return to_errno(&open->error);
    }
    open->view->image = image;
    return PS_SWAP_IMAGE;
}

/* Most files of just this size are no proxies: see so here, without a thread. */
static bool has_magic(const struct opening *open)
{
    char magic[4];

    return (open->flags & O_ACCMODE) == O_WRONLY ||
           (sys_pread(open->fd, magic, sizeof(magic), 0) == sizeof(magic) &&
            memcmp(magic, PS_PROXY_MAGIC, sizeof(magic)) == 0);
}

static bool is_replaced(int fd, struct ps_image *image)
{
    struct stat st;

    return sys_fstat(fd, &st) == 0 && st.st_dev == image->device &&
           st.st_ino == atomic_load(&image->inode);
}

int ps_preload_swap(struct ps_view *view, int fd, const struct stat *st, int flags,
                    const char *call, const char *path)
{
    struct opening open = {.view = view, .fd = fd, .st = st, .flags = flags};
    int result;

    if (!has_magic(&open))
        return PS_SWAP_NO;
    result = ps_work_call(open_on_worker, &open, &open.error);
    /* a thread with a descriptor table of its own (unshare) does not see what the worker replaced
     */
    if (result > 0 && !is_replaced(fd, view->image)) {
        ps_image_put(view->image);
        ps_error_set(&open.error, PS_E_UNSUPPORTED, 0, "descriptors are not shared with libps");
        result = -EIO;
    }
    if (result < 0 && result != -EROFS)
        ps_report_open(path, &open.error, call);
    return result;
}

bool ps_preload_size(int fd, uint64_t *size)
{
    struct ps_proxy proxy;

    if (ps_proxy_probe_fd(fd, &proxy, NULL) != 1 || ps_preload_off())
        return false;
    *size = proxy.size;
    return true;
}

static int attach_on_worker(void *argument)
{
    struct opening *open = argument;

    return ps_object_attach(&open->view->image, open->fd, &open->error);
}

int ps_preload_attach(struct ps_view *view, int fd)
{
    struct opening open = {.view = view, .fd = fd};
    char path[PS_FD_PATH], link[128];
    ssize_t length = sys_readlinkat(AT_FDCWD, ps_fd_path(path, fd), link, sizeof(link) - 1);
    int result;

    link[length < 0 ? 0 : length] = '\0';
    if (!ps_image_is_ours(link))
        return 1;
    view->name = 0;
    result = ps_work_call(attach_on_worker, &open, &open.error);
    if (result >= 0)
        return result;
    ps_report_open("inherited descriptor", &open.error, "a read");
    return -EIO;
}

/* --- making ready ------------------------------------------------------------------ */

int ps_preload_begin(struct ps_image *image, uint64_t offset, uint64_t size, const char *call,
                     int fd)
{
    struct ps_table *table = image->table;
    struct ps_error error = {0};
    uint64_t first, failed = 0;
    int result;

    if (offset >= table->size)
        size = 0;
    else if (size > table->size - offset)
        size = table->size - offset;
    ps_table_enter(table);
    if (size == 0 || ps_table_complete(table))
        return 0;
    result = ps_work_start(&error);
    first = offset / table->block_size;
    if (result == 0)
        result = ps_touch(image, first, (offset + size - 1) / table->block_size - first + 1,
                          &failed, &error);
    if (result == 0)
        return 0;
    ps_table_leave(table);
    ps_report_call(image, failed * table->block_size, table->block_size, &error, call, fd);
    return -EIO;
}

void ps_preload_end(struct ps_image *image)
{
    ps_table_leave(image->table);
}

int ps_preload_all(struct ps_image *image, const char *call, int fd)
{
    int result = ps_preload_begin(image, 0, image->table->size, call, fd);

    if (result == 0)
        ps_preload_end(image);
    return result;
}

int ps_preload_buffer_slow(const void *buffer, size_t size, const char *call)
{
    struct ps_error error = {0};

    if (ps_engine_kernel_faults() || ps_map_resolve_buffer(buffer, size, &error) == 0)
        return 0;
    ps_report_open("a buffer in lazy memory", &error, call);
    return -EIO;
}

/* --- mapping ------------------------------------------------------------------------- */

void *ps_preload_mmap(const struct ps_view *view, void *address, size_t length, int prot, int flags,
                      uint64_t offset)
{
    struct ps_error error = {0};
    struct ps_image *image = view->image;
    void *at;
    int result;

    /* the descriptor is read-only: what the kernel would say */
    if ((flags & MAP_TYPE) != MAP_PRIVATE && (prot & PROT_WRITE))
        return (void *)(long)-EACCES;
    if ((flags & MAP_TYPE) != MAP_PRIVATE && (flags & MAP_TYPE) != MAP_SHARED &&
        (flags & MAP_TYPE) != MAP_SHARED_VALIDATE)
        return (void *)(long)-EINVAL;
    if (flags & (MAP_POPULATE | MAP_LOCKED)) {
        result = ps_preload_begin(image, offset, length, "mmap", -1);
        if (result < 0)
            return (void *)(long)result;
        ps_preload_end(image);
    }
    if (ps_map_image(&at, image, address, length, prot, flags, offset, &error) == 0)
        return at;
    if (error.sys_errno == 0)
        ps_report_open(image->proxy->object, &error, "mmap");
    return (void *)(long)-(error.sys_errno ? error.sys_errno : ENOMEM);
}

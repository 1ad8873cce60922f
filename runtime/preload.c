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
#include "memory.h"
#include "object.h"
#include "pin.h"
#include "proxy_file.h"
#include "report.h"
#include "stats.h"
#include "touch.h"
#include "use.h"
#include "work.h"

/* Of the file that was opened, which is there: never ENOENT, after which programs create one. */
int ps_preload_errno(const struct ps_error *err)
{
    int error = ps_error_errno(err->code);

    if (err->sys_errno == EMFILE || err->sys_errno == ENFILE)
        return -err->sys_errno;
    return error == ENOMEM || error == EACCES || error == ESTALE ? -error : -EIO;
}

bool ps_preload_off(void)
{
    /* a wrong configuration is reported by the open */
    return getauxval(AT_SECURE) || ps_config_disabled();
}

_Atomic bool ps_preload_filtered;

void ps_preload_stderr(void)
{
    if (ps_fork_at_home()) /* a vforked child's number 2 is not its parent's */
        ps_report_to();
}

/* --- opening ------------------------------------------------------------------- */

/*
 * What one open needs, and all that the worker writes to. The worker must not use the program's
 * descriptors by their numbers: those of the caller may be others (a vforked child, a thread after
 * unshare). So the caller reads the proxy and puts the image in its place, and the worker does what
 * is between.
 */
struct opening {
    struct ps_call call;
    struct ps_view view;
    struct stat st;
    int flags;
    int probed; /* result of ps_proxy_probe_fd */
    int worker; /* thread that opened the object */
    struct ps_proxy proxy;
    char folder[PATH_MAX], path[PATH_MAX];
    struct ps_error error;
};

/* Most files of just this size are no proxies: see so with four bytes. */
static bool has_magic(int fd)
{
    char magic[4];

    return sys_pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
           memcmp(magic, PS_PROXY_MAGIC, sizeof(magic)) == 0;
}

/* Is it open for writing only, or for reads of whole pages only? Then it is read by another. */
static bool reads_by_other(int flags)
{
    return (flags & O_ACCMODE) == O_WRONLY || (flags & O_DIRECT);
}

static int probe_by_other(struct opening *open, const char *path)
{
    struct ps_look look;
    int result = 0;

    if (ps_look_begin(&look, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) < 0)
        return 0;
    if (has_magic(look.fd))
        result = ps_proxy_probe_fd(look.fd, &open->proxy, &open->error);
    ps_look_end(&look);
    return result;
}

/*
 * 1, 0 or a negative code, as ps_proxy_probe_fd; path is fd's in /proc. What
 * can't be read is no proxy to this user.
 */
static int probe(struct opening *open, int fd, const char *path)
{
    open->probed = reads_by_other(open->flags) ? probe_by_other(open, path)
                                               : ps_proxy_probe_fd(fd, &open->proxy, &open->error);
    if (open->probed > 0)
        open->probed = ps_proxy_folder(open->folder, open->path, path, &open->error) < 0
                           ? open->error.code
                           : 1;
    return open->probed;
}

/* On a worker: the configuration, the store and perhaps a module are needed. */
static int open_on_worker(struct ps_call *call)
{
    struct opening *open = (struct opening *)call;
    struct ps_origin origin = {.folder = open->folder, .name = &open->st, .path = open->path};

    if (ps_preload_off())
        return PS_SWAP_NO;
    if (open->probed < 0)
        return ps_preload_errno(&open->error);
    if ((open->flags & O_ACCMODE) != O_RDONLY)
        return -EROFS;
    open->worker = sys_gettid();
    if (ps_object_open(&open->view.image, &open->proxy, &origin, &open->view.name, &open->error) <
        0)
        return ps_preload_errno(&open->error);
    return PS_SWAP_IMAGE;
}

static int replace(const struct opening *open, int fd, struct ps_error *err)
{
    int image = ps_image_open(open->view.image, open->worker, open->flags), result;

    if (image < 0)
        return ps_error_set(err, image == -EACCES ? PS_E_REFUSED : PS_E_NOMEM, -image,
                            "can't open an image");
    result = sys_dup3(image, fd, open->flags & O_CLOEXEC);
    sys_close(image);
    if (result < 0)
        return ps_error_set(err, PS_E_SYSTEM, -result, "dup3 of an image");
    return 0;
}

static int open_and_replace(struct opening *open, int fd)
{
    int result;

    ps_work_hold(); /* it is the worker's descriptor that is opened again */
    result = ps_work_call(&open->call, open_on_worker, &open->error);
    if (result == PS_SWAP_IMAGE && replace(open, fd, &open->error) < 0) {
        ps_image_put(open->view.image);
        result = ps_preload_errno(&open->error);
    }
    ps_work_unhold();
    /* where no worker could be had it is a code, and no errno */
    return result < 0 && open->error.code != 0 ? ps_preload_errno(&open->error) : result;
}

int ps_preload_swap(struct ps_view *view, int fd, const struct stat *st, int flags,
                    const char *call, const char *path)
{
    char fd_path[PS_FD_PATH];
    struct opening *open;
    int result = PS_SWAP_NO;

    if (!reads_by_other(flags) && !has_magic(fd))
        return PS_SWAP_NO;
    open = ps_work_memory(sizeof(*open));
    if (open == NULL)
        return -ENOMEM;
    open->st = *st;
    open->flags = flags;
    if (probe(open, fd, ps_fd_path_of(fd_path, sys_gettid(), fd)) != 0)
        result = open_and_replace(open, fd);
    if (result < 0 && result != -EROFS)
        ps_report_open(path, &open->error, call);
    *view = open->view;
    sys_munmap(open, sizeof(*open));
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

bool ps_preload_size_at(int dir, const char *path, int flags, uint64_t *size)
{
    struct ps_look look;
    bool found;

    if (ps_look_begin(&look, dir, path, flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK) < 0)
        return false;
    found = ps_preload_size(look.fd, size);
    ps_look_end(&look);
    return found;
}

struct attaching {
    struct ps_call call;
    struct ps_image *image;
    char path[PS_FD_PATH];
    struct ps_error error;
};

static int attach_on_worker(struct ps_call *call)
{
    struct attaching *attach = (struct attaching *)call;

    return ps_object_attach(&attach->image, attach->path, &attach->error);
}

static int attach(struct ps_view *view, const char *path)
{
    struct attaching *attach = ps_work_memory(sizeof(*attach));
    int result;

    if (attach == NULL)
        return -ENOMEM;
    strcpy(attach->path, path); /* both are PS_FD_PATH bytes */
    result = ps_work_call(&attach->call, attach_on_worker, &attach->error);
    if (result < 0) {
        ps_report_open("inherited descriptor", &attach->error, "a read");
        result = -EIO;
    }
    *view = (struct ps_view){.image = attach->image};
    sys_munmap(attach, sizeof(*attach));
    return result;
}

/* What is known of a descriptor without /proc, as after a chroot */
static bool is_marked_as_image(int fd)
{
    struct stat st;

    return sys_fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_mode == (S_IFREG | PS_IMAGE_MODE);
}

bool ps_preload_is_image(int fd)
{
    char path[PS_FD_PATH], link[128];
    ssize_t length =
        sys_readlinkat(AT_FDCWD, ps_fd_path_of(path, sys_gettid(), fd), link, sizeof(link) - 1);

    if (length < 0)
        return is_marked_as_image(fd);
    link[length] = '\0';
    return ps_image_is_ours(link);
}

int ps_preload_attach(struct ps_view *view, int fd)
{
    char path[PS_FD_PATH];

    return ps_preload_is_image(fd) ? attach(view, ps_fd_path_of(path, sys_gettid(), fd)) : 1;
}

/* --- making ready ------------------------------------------------------------------ */

int ps_preload_begin(const struct ps_view *view, uint64_t offset, uint64_t size, const char *call,
                     int fd)
{
    struct ps_image *image = view->image;
    struct ps_table *table = image->table;
    struct ps_error error = {0};
    uint64_t first, count, failed = 0;
    int result = 0;
    unsigned pin = 0;
    bool pinned;

    if (offset >= table->size)
        size = 0;
    else if (size > table->size - offset)
        size = table->size - offset;
    if (size == 0) {
        ps_use_begin(image);
        return 0;
    }
    first = offset / table->block_size;
    count = (offset + size - 1) / table->block_size - first + 1;
    /* more than may stay: none of the range goes until all of it has come */
    pinned = ps_memory_limit() != 0 && count * table->block_size > ps_memory_limit() / 8;
    if (pinned)
        pin = ps_pin(image, first, count);
    for (;;) {
        if (!ps_table_complete(table)) {
            result = ps_work_start(&error);
            if (result == 0)
                result = ps_touch(image, first, count, view->advice, &failed, &error);
            if (result < 0)
                break;
        }
        ps_use_begin(image);
        if (ps_table_all_ready(table, first, count))
            break;
        ps_use_end(image); /* evicted in between */
    }
    if (pinned)
        ps_unpin(image, pin);
    if (result == 0) {
        ps_memory_used(image, first, count);
        return 0;
    }
    ps_report_call(image, failed * table->block_size, table->block_size, &error, call, fd);
    return error.code == PS_E_STALE ? -ESTALE : -EIO;
}

void ps_preload_end(struct ps_image *image)
{
    ps_use_end(image);
}

int ps_preload_all(struct ps_image *image, const char *call, int fd)
{
    struct ps_view view = {.image = image};
    int result = ps_preload_begin(&view, 0, image->table->size, call, fd);

    if (result == 0)
        ps_preload_end(image);
    return result;
}

int ps_preload_unseen(struct ps_image *image, const char *call, int fd)
{
    /* first: an eviction that looks afterwards leaves the blocks, and one before is noticed here */
    atomic_store(&image->table->unseen, 1);
    ps_stats_count(&image->record->whole, 1);
    return ps_preload_all(image, call, fd);
}

void ps_preload_lend(void)
{
    ps_work_hold(); /* for good: the child may live long */
    ps_work_start(NULL);
}

bool ps_preload_hold(void)
{
    ps_work_hold();
    if (ps_work_check(NULL) == 0)
        return true;
    ps_work_unhold();
    return false;
}

void ps_preload_unhold(void)
{
    ps_work_unhold();
}

int ps_preload_pin_slow(struct ps_pins *pins, const void *buffer, size_t size, const char *call)
{
    struct ps_error error = {0};

    if (ps_engine_kernel_faults() || ps_map_resolve_buffer(buffer, size, pins, &error) == 0)
        return 0;
    ps_report_open("a buffer in lazy memory", &error, call);
    return -EIO;
}

/* --- mapping ------------------------------------------------------------------------- */

/* Without an engine: nothing of it is lazy. Private, as lazy memory is. */
static void *map_whole(struct ps_image *image, void *address, size_t length, int prot, int flags,
                       uint64_t offset)
{
    int result = ps_preload_unseen(image, "mmap", -1);

    if (result < 0)
        return (void *)(long)result;
    flags = (flags & ~MAP_TYPE) | MAP_PRIVATE;
    if ((flags & MAP_FIXED) && ps_region_near((uintptr_t)address, length))
        return ps_map_replace(address, length, prot, flags, image->fd, (off_t)offset);
    return sys_mmap(address, length, prot, flags, image->fd, (off_t)offset);
}

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
    if (atomic_load(&ps_preload_filtered))
        return map_whole(image, address, length, prot, flags, offset);
    if (flags & (MAP_POPULATE | MAP_LOCKED)) {
        result = ps_preload_begin(view, offset, length, "mmap", -1);
        if (result < 0)
            return (void *)(long)result;
        ps_preload_end(image);
    }
    if (ps_map_image(&at, image, address, length, prot, flags, offset, &error) == 0)
        return at;
    /* of any file the kernel would say these, and nothing more */
    if (error.code == PS_E_NOMEM &&
        (error.sys_errno == EINVAL || error.sys_errno == EEXIST || error.sys_errno == ENOMEM))
        return (void *)(long)-error.sys_errno;
    ps_report_open(image->proxy->object, &error, "mmap");
    return (void *)(long)ps_preload_errno(&error);
}

/* image.c: the life of an image; see image.h */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hold.h"
#include "base/sys.h"
#include "base/text.h"
#include "config.h"
#include "handle.h"
#include "join.h"
#include "learn.h"
#include "memory.h"
#include "parts.h"
#include "pour.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

struct ps_image *ps_images;

bool ps_image_get(struct ps_image *image)
{
    /* refs first, then state; the one who releases goes the other way round: one of us sees */
    atomic_fetch_add(&image->refs, 1);
    if (atomic_load(&image->state) == PS_IMAGE_LIVE)
        return true;
    atomic_fetch_sub(&image->refs, 1);
    return false;
}

/* The one who releases sees the reference that there is, and makes the image live again. */
void ps_image_again(struct ps_image *image)
{
    atomic_fetch_add(&image->refs, 1);
}

void ps_image_put(struct ps_image *image)
{
    atomic_fetch_sub(&image->refs, 1);
}

enum { NAMES_FIRST = 8 };

/* Which chunk has the index; *within becomes the place in it. */
static unsigned chunk_of(uint32_t index, uint32_t *within)
{
    unsigned chunk = 31U - (unsigned)__builtin_clz(index / NAMES_FIRST + 1);

    *within = index - NAMES_FIRST * ((1U << chunk) - 1);
    return chunk;
}

static struct ps_image_name *name_at(const struct ps_image *image, uint32_t index)
{
    uint32_t within;

    if (index >= atomic_load_explicit(&image->names, memory_order_acquire))
        return NULL;
    return &image->name[chunk_of(index, &within)][within];
}

const struct ps_image_name *ps_image_name_at(const struct ps_image *image, uint32_t index)
{
    return name_at(image, index);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

uint32_t ps_image_name(struct ps_image *image, const struct stat *st, const char *path)
{
    uint32_t count = atomic_load_explicit(&image->names, memory_order_acquire), within;
    unsigned chunk = chunk_of(count, &within);

    for (uint32_t i = 0; i < count; i++) {
        struct ps_image_name *name = name_at(image, i);
        if (!is_same(&name->st, st))
            continue;
        if (path != NULL && name->path == NULL) /* it was inherited first */
            name->path = strdup(path);
        return i;
    }
    if (chunk == PS_NAME_CHUNKS)
        return 0;
    if (image->name[chunk] == NULL)
        image->name[chunk] = calloc((size_t)NAMES_FIRST << chunk, sizeof(*image->name[chunk]));
    if (image->name[chunk] == NULL)
        return 0;
    image->name[chunk][within] = (struct ps_image_name){*st, path != NULL ? strdup(path) : NULL};
    atomic_store_explicit(&image->names, count + 1, memory_order_release);
    return count;
}

/* --- the memfd ------------------------------------------------------------- */

static int memfd(const char *name)
{
    int fd = sys_memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

    /* kernels before 6.3 don't know the flag; some later ones refuse a memfd without it */
    if (fd == -EINVAL)
        fd = sys_memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd;
}

/* A tmpfs file with no name: mounts of tmpfs have huge pages off unless asked. */
static int tmpfs_file(const char *name)
{
    char path[128];
    int fd;

    snprintf(path, sizeof(path), "/dev/shm/%s", name);
    fd = sys_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        sys_unlinkat(AT_FDCWD, path, 0);
    return fd;
}

/* A size above RLIMIT_FSIZE raises SIGXFSZ, whose default ends the program: take the signal back.
 */
static int set_size(int fd, uint64_t size)
{
    uint64_t xfsz = UINT64_C(1) << (SIGXFSZ - 1), mask;
    struct timespec now = {0, 0};
    int result;

    sys_sigmask(SIG_BLOCK, &xfsz, &mask);
    result = sys_ftruncate(fd, (off_t)size);
    if (result == -EFBIG)
        sys_call6(SYS_rt_sigtimedwait, (long)&xfsz, 0, (long)&now, 8, 0, 0);
    sys_sigmask(SIG_SETMASK, &mask, NULL);
    return result;
}

/* Does one page written to this empty file make just that page present? 1, 0, or a negative errno.
 */
static int is_sparse(int fd)
{
    enum { SIZE = 4 << 20 };
    unsigned char pages[SIZE / 4096] = {0};
    size_t page = (size_t)sysconf(_SC_PAGESIZE), present = 0;
    int result = set_size(fd, SIZE);
    ssize_t put = result < 0 ? result : sys_pwrite(fd, "x", 1, SIZE / 2);
    void *map;

    if (put != 1)
        return put < 0 ? (int)put : -ENOSPC;
    /* PROT_NONE: mlockall(MCL_FUTURE) would otherwise fill the holes here and now */
    map = sys_mmap(NULL, SIZE, PROT_NONE, MAP_SHARED, fd, 0);
    if (is_sys_error(map))
        return (int)(long)map;
    sys_mincore(map, SIZE, pages);
    sys_munmap(map, SIZE);
    for (size_t i = 0; i < SIZE / page; i++)
        present += pages[i] & 1;
    return present == 1;
}

static int probe(int fd)
{
    int sparse;

    if (fd < 0)
        return fd;
    sparse = is_sparse(fd);
    sys_close(fd);
    return sparse;
}

bool ps_image_sparse_memfd(void)
{
    return probe(memfd("ps:probe")) != 0; /* where it can't be tried, nothing speaks against it */
}

enum { KIND_UNKNOWN, KIND_MEMFD, KIND_TMPFS, KIND_NONE };

/*
 * The kind of file that images are, found by trying. With huge pages for
 * shared memory "always" or "within_size" a page written to a memfd makes 511
 * others present, as zeros, for which no fault would ever come.
 */
static int find_kind(void)
{
    unsigned long random = 0;
    char text[64];
    int sparse = probe(memfd("ps:probe"));

    if (sparse != 0)
        return sparse < 0 ? sparse : KIND_MEMFD;
    sys_getrandom(&random, sizeof(random));
    snprintf(text, sizeof(text), "ps:probe-%lx", random);
    sparse = probe(tmpfs_file(text));
    return sparse > 0 ? KIND_TMPFS : sparse == 0 || sparse == -ENOENT ? KIND_NONE : sparse;
}

static int image_file(const char *name)
{
    static _Atomic int known;
    int kind = atomic_load(&known);

    if (kind == KIND_UNKNOWN) {
        kind = find_kind();
        if (kind < 0) /* no descriptor or no memory, for now */
            return kind;
        atomic_store(&known, kind);
    }
    if (kind == KIND_NONE)
        return -EOPNOTSUPP;
    return kind == KIND_MEMFD ? memfd(name) : tmpfs_file(name);
}

static int map_table(struct ps_image *image, size_t size, struct ps_error *err)
{
    void *table = sys_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                           image->table_fd, 0);
    int result;

    if (is_sys_error(table))
        return ps_error_set(err, PS_E_NOMEM, (int)-(long)table, "can't map a block table");
    image->table = table;
    image->table_bytes = size;
    result = ps_image_join(image);
    return result < 0 ? ps_error_set(err, PS_E_NOMEM, -result, "can't lock a block table") : 0;
}

static int identify(struct ps_image *image, struct ps_error *err)
{
    struct stat st;
    int result = sys_fstat(image->fd, &st);

    if (result < 0)
        return ps_error_set(err, PS_E_SYSTEM, -result, "fstat of an image");
    image->device = st.st_dev;
    atomic_store(&image->inode, st.st_ino);
    return 0;
}

int ps_image_make(struct ps_image *image, struct ps_error *err)
{
    uint64_t size = image->proxy->size, id[2] = {0, 0};
    uint32_t block_size = (uint32_t)sysconf(_SC_PAGESIZE);
    size_t table_size = ps_table_size(size / block_size + 1);
    char name[64];
    int fd, result;

    result = ps_pour_start();
    if (result < 0)
        return ps_error_set(err, PS_E_NOMEM, -result, "no pipe to write images by");
    sys_getrandom(id, sizeof(id));
    snprintf(name, sizeof(name), "ps:%016llx%016llx", (unsigned long long)id[0],
             (unsigned long long)id[1]);
    fd = image_file(name);
    if (fd == -EOPNOTSUPP)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0,
                            "huge pages are on for shared memory and for /dev/shm; set "
                            "/sys/kernel/mm/transparent_hugepage/shmem_enabled to never");
    if (fd < 0)
        return ps_error_set(err, PS_E_NOMEM, -fd, "can't make a file in memory%s",
                            fd == -EFBIG ? " (see ulimit -f)" : "");
    sys_fchmod(fd, PS_IMAGE_MODE); /* a memfd is 0777: others could open it through /proc */
    result = set_size(fd, size);
    if (result < 0) {
        sys_close(fd);
        return ps_error_set(err, PS_E_NOMEM, -result, "can't make an image of %llu bytes%s",
                            (unsigned long long)size, result == -EFBIG ? " (see ulimit -f)" : "");
    }
    sys_fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
    image->fd = ps_hold(fd, false);
    if (image->fd < 0)
        return ps_error_set(err, PS_E_NOMEM, -image->fd, "no descriptor for an image");

    memcpy(name, "pt", 2);
    fd = memfd(name);
    if (fd >= 0)
        sys_fchmod(fd, 0600);
    result = fd < 0 ? fd : set_size(fd, table_size);
    if (result < 0)
        return ps_error_set(err, PS_E_NOMEM, -result, "can't make a block table");
    image->table_fd = ps_hold(fd, true);
    if (image->table_fd < 0)
        return ps_error_set(err, PS_E_NOMEM, -image->table_fd, "no descriptor for a block table");
    result = identify(image, err);
    if (result == 0)
        result = map_table(image, table_size, err);
    if (result < 0)
        return result;
    ps_table_init(image->table, size, block_size);
    image->table->image_device = image->device;
    image->table->image_inode = atomic_load(&image->inode);
    return ps_proxy_format_file(image->proxy, image->table->proxy, err);
}

int ps_image_open(const struct ps_image *image, int worker, int flags)
{
    char path[PS_FD_PATH];

    /* by name, not dup: a file offset of its own */
    return sys_openat(AT_FDCWD, ps_fd_path_of(path, worker, image->fd),
                      O_RDONLY | (flags & (O_CLOEXEC | O_NONBLOCK | O_NOATIME)), 0);
}

static size_t used_bytes(const struct ps_table *table)
{
    return (size_t)(table->blocks / 64 + 1) * sizeof(uint64_t);
}

void ps_image_limit(struct ps_image *image)
{
    const struct ps_config *config = ps_config_get(NULL);
    uint64_t limit = ps_memory_limit(), most = config != NULL ? config->read_ahead : 0;
    void *used;

    if (limit != 0 && most > limit / 8)
        most = limit / 8;
    image->ahead.is_off = most == 0;
    image->ahead.window_max = most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
    if (limit == 0 || image->table == NULL)
        return;
    used = sys_mmap(NULL, used_bytes(image->table), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    image->used = is_sys_error(used) ? NULL : used; /* then nothing has a second chance */
}

void ps_image_drop(struct ps_image *image)
{
    if (image->table != NULL) {
        ps_memory_gone(atomic_load(&image->table->ready) * image->table->block_size);
        if (image->used != NULL)
            sys_munmap(image->used, used_bytes(image->table));
        image->used = NULL;
        ps_parts_end(image);
        sys_munmap(image->table, image->table_bytes);
        image->table = NULL;
    }
    ps_unhold(image->fd);
    ps_unhold(image->table_fd);
    ps_unhold(image->user_fd);
    image->fd = image->table_fd = image->user_fd = -1;
    ps_learn_close(image);
    ps_handle_put(image->handle);
    image->handle = NULL;
    free(image->proxy);
    free(image->key);
    for (uint32_t i = atomic_exchange(&image->names, 0); i-- > 0;) {
        uint32_t within;
        unsigned chunk = chunk_of(i, &within);
        free(image->name[chunk][within].path);
    }
    for (int i = 0; i < PS_NAME_CHUNKS; i++) {
        free(image->name[i]);
        image->name[i] = NULL;
    }
    image->proxy = NULL;
    image->key = NULL;
    atomic_store(&image->inode, 0);
}

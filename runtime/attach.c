/*
 * attach.c: an image that this process did not make
 *
 * "prog < proxy" from a preloaded shell: the shell opened the image, and exec
 * kept the descriptor but not our memory. The image's name holds an id; the
 * table is a memfd of the same id, inherited too, or still open in another
 * process.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/hold.h"
#include "base/sys.h"
#include "image.h"
#include "join.h"
#include "pour.h"

enum { ID = 32, GENERATIONS = 16 };

/* The part of a link that is the id, or NULL: ".../memfd:ps:<id> (deleted)". */
static const char *id_of(const char *link)
{
    const char *at = NULL;

    if (strncmp(link, "/memfd:ps:", 10) == 0)
        at = link + 10;
    else if (strncmp(link, "/dev/shm/ps:", 12) == 0)
        at = link + 12;
    if (at == NULL || strspn(at, "0123456789abcdef") != ID)
        return NULL;
    return at;
}

bool ps_image_is_ours(const char *link)
{
    return id_of(link) != NULL;
}

/* A search for the table with an id. */
struct search {
    const char *id;
    int fd; /* a new descriptor of it */
};

static int look_at_fd(int dir, const char *name, void *argument)
{
    struct search *search = argument;
    char link[128];
    ssize_t length = sys_readlinkat(dir, name, link, sizeof(link) - 1);

    if (length < 0)
        return 0;
    link[length] = '\0';
    if (strncmp(link, "/memfd:pt:", 10) != 0 || strncmp(link + 10, search->id, ID) != 0)
        return 0;
    search->fd = sys_openat(dir, name, O_RDWR | O_CLOEXEC, 0);
    return search->fd >= 0;
}

/* Is it among the descriptors of that process? process: a number, or "self" */
static bool look_at_process(struct search *search, const char *process)
{
    char folder[64];

    snprintf(folder, sizeof(folder), "/proc/%s/fd", process);
    return ps_dir_each(folder, look_at_fd, search) > 0;
}

static int look_at_entry(int dir, const char *name, void *argument)
{
    (void)dir;
    return name[0] >= '0' && name[0] <= '9' && look_at_process(argument, name);
}

static int parent_of(int pid)
{
    char path[64], text[512];
    const char *at;
    ssize_t got;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    got = sys_read(fd, text, sizeof(text) - 1);
    sys_close(fd);
    if (got <= 0)
        return 0;
    text[got] = '\0';
    at = strrchr(text, ')'); /* the name of the program may hold anything, this too */
    return at != NULL && strlen(at) > 4 ? atoi(at + 4) : 0;
}

/*
 * In this process, in its ancestors, and then wherever this user may look: an
 * image that was sent by a socket came from any process.
 */
static int find_table(const char *id)
{
    struct search search = {id, -1};
    bool found = look_at_process(&search, "self");

    for (int pid = parent_of(sys_getpid()), i = 0; !found && pid > 1 && i < GENERATIONS; i++) {
        char process[20];
        snprintf(process, sizeof(process), "%d", pid);
        found = look_at_process(&search, process);
        pid = parent_of(pid);
    }
    if (!found)
        ps_dir_each("/proc", look_at_entry, &search);
    return search.fd;
}

/* Only what this user made is believed, and only where every size agrees. */
static int check_table(const struct ps_image *image, const struct ps_table *table, uint64_t bytes,
                       struct ps_error *err)
{
    struct stat st;

    if (sys_fstat(image->fd, &st) < 0 || table->magic != PS_TABLE_MAGIC ||
        table->image_device != st.st_dev || table->image_inode != st.st_ino ||
        table->size != (uint64_t)st.st_size || st.st_uid != geteuid() || table->block_size < 4096 ||
        (table->block_size & (table->block_size - 1)) != 0 ||
        table->blocks != table->size / table->block_size + (table->size % table->block_size != 0) ||
        ps_table_size(table->blocks) > bytes)
        return ps_error_set(err, PS_E_CORRUPT, 0, "an inherited image has a wrong block table");
    return 0;
}

int ps_image_attach(struct ps_image *image, const char *path, const char *link,
                    struct ps_proxy *proxy, struct ps_error *err)
{
    struct stat st;
    void *table;
    int moved, result = ps_pour_start();

    if (result < 0)
        return ps_error_set(err, PS_E_NOMEM, -result, "no pipe to write images by");
    moved = find_table(id_of(link));
    if (moved < 0)
        return ps_error_set(err, PS_E_NOT_FOUND, 0,
                            "the block table of an inherited proxy is gone with its process");
    image->table_fd = ps_hold(moved, true);
    moved = sys_openat(AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    if (moved < 0)
        return ps_error_set(err, PS_E_SYSTEM, -moved, "can't open an inherited image");
    image->fd = ps_hold(moved, false);
    if (image->fd < 0 || image->table_fd < 0)
        return ps_error_set(err, PS_E_NOMEM, EMFILE, "no descriptor for an image");
    if (sys_fstat(image->table_fd, &st) < 0 || st.st_uid != geteuid() ||
        (uint64_t)st.st_size < sizeof(struct ps_table))
        return ps_error_set(err, PS_E_CORRUPT, 0, "an inherited block table is not this user's");
    table =
        sys_mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, image->table_fd, 0);
    if (is_sys_error(table))
        return ps_error_set(err, PS_E_NOMEM, (int)-(long)table, "can't map a block table");
    image->table = table;
    image->table_bytes = (size_t)st.st_size;
    if (check_table(image, table, (uint64_t)st.st_size, err) < 0)
        return err ? err->code : PS_E_CORRUPT;
    if (ps_image_join(image) < 0)
        return ps_error_set(err, PS_E_NOMEM, 0, "can't lock an inherited block table");
    image->device = image->table->image_device;
    atomic_store(&image->inode, image->table->image_inode);
    ps_image_name(image, &image->table->name, NULL);
    return ps_proxy_parse(proxy, image->table->proxy, PS_PROXY_FILE_SIZE, err);
}

/*
 * attach.c: an image that this process inherited
 *
 * "prog < proxy" from a preloaded shell: the shell opened the image, and exec
 * kept the descriptor but not our memory. The image's name holds an id; the
 * table is a memfd of the same id, inherited too, or still open in an ancestor.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hold.h"
#include "base/sys.h"
#include "image.h"

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

/* A new descriptor of the file behind dir/name, if it is the table with that id. */
static int open_if_table(int dir, const char *name, const char *id)
{
    char link[128];
    ssize_t length = sys_readlinkat(dir, name, link, sizeof(link) - 1);

    if (length < 0)
        return -1;
    link[length] = '\0';
    if (strncmp(link, "/memfd:pt:", 10) != 0 || strncmp(link + 10, id, ID) != 0)
        return -1;
    return sys_openat(dir, name, O_RDWR | O_CLOEXEC, 0);
}

/* The table among the descriptors of one process, or -1. */
static int table_of_process(const char *folder, const char *id)
{
    struct entry {
        uint64_t inode, offset;
        unsigned short length;
        unsigned char type;
        char name[];
    };
    _Alignas(8) char buffer[4096];
    int dir = sys_openat(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), found = -1;
    ssize_t got;

    if (dir < 0)
        return -1;
    while (found < 0 && (got = sys_getdents(dir, buffer, sizeof(buffer))) > 0)
        for (ssize_t at = 0; at < got && found < 0;) {
            const struct entry *entry = (const void *)(buffer + at);
            if (entry->name[0] != '.')
                found = open_if_table(dir, entry->name, id);
            at += entry->length;
        }
    sys_close(dir);
    return found;
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

static int find_table(const char *id)
{
    int fd = table_of_process("/proc/self/fd", id);

    for (int pid = parent_of(sys_getpid()), i = 0; fd < 0 && pid > 1 && i < GENERATIONS; i++) {
        char folder[64];
        snprintf(folder, sizeof(folder), "/proc/%d/fd", pid);
        fd = table_of_process(folder, id);
        pid = parent_of(pid);
    }
    return fd;
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
    int moved;

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
    atomic_fetch_add(&image->table->processes, 1);
    image->device = image->table->image_device;
    atomic_store(&image->inode, image->table->image_inode);
    ps_image_name(image, &image->table->name);
    return ps_proxy_parse(proxy, image->table->proxy, PS_PROXY_FILE_SIZE, err);
}

/* supervise_image.c: the images that callers have descriptors of */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "psctl.h"
#include "supervise.h"

enum { LISTS = 1024, SMALL = 64 << 20 };

/* Looked through without a lock; only ever added to. */
static _Atomic(struct image *) lists[LISTS];
static pthread_mutex_t adding = PTHREAD_MUTEX_INITIALIZER;

struct image *image_of(int fd)
{
    struct image *image;
    struct stat st;

    if (raw_call(SYS_fstat, fd, (long)&st, 0, 0, 0, 0) < 0 || !S_ISREG(st.st_mode))
        return NULL;
    for (image = atomic_load(&lists[st.st_ino % LISTS]); image != NULL; image = image->next)
        if (image->inode == st.st_ino && image->device == st.st_dev)
            break;
    return image;
}

static struct image *add(int fd, bool is_plain)
{
    struct image *image = calloc(1, sizeof(*image));
    struct stat st;

    if (image == NULL || raw_call(SYS_fstat, fd, (long)&st, 0, 0, 0, 0) < 0) {
        free(image);
        return NULL;
    }
    image->device = st.st_dev;
    image->inode = st.st_ino;
    image->fd = fd;
    image->is_plain = is_plain;
    image->is_whole = is_plain;
    image->next = atomic_load(&lists[st.st_ino % LISTS]);
    atomic_store(&lists[st.st_ino % LISTS], image);
    return image;
}

struct image *image_keep(int fd, bool is_plain)
{
    struct image *image;

    pthread_mutex_lock(&adding);
    image = image_of(fd);
    if (image == NULL) {
        image = add(fd, is_plain);
        if (image == NULL)
            close(fd);
    } else { /* under the same number: others may be reading by it */
        dup3(fd, image->fd, O_CLOEXEC);
        close(fd);
    }
    pthread_mutex_unlock(&adding);
    return image;
}

int image_whole(struct image *image)
{
    if (atomic_load(&image->is_whole))
        return 0;
    if (ps_fd_resolve(image->fd, NULL) < 0)
        return -EIO;
    atomic_store(&image->is_whole, true);
    return 0;
}

int images_whole(void)
{
    int result = 0;

    for (unsigned i = 0; i < LISTS; i++)
        for (struct image *image = atomic_load(&lists[i]); image != NULL; image = image->next)
            if (image_whole(image) < 0)
                result = -EIO;
    return result;
}

/* Who has read a small object to its end may have all of it: then no more reads are done here. */
static void note_delivered(struct image *image, uint64_t bytes)
{
    uint64_t before = atomic_fetch_add(&image->delivered, bytes);
    struct stat st;

    if (before + bytes < SMALL && raw_call(SYS_fstat, image->fd, (long)&st, 0, 0, 0, 0) == 0 &&
        before < (uint64_t)st.st_size && before + bytes >= (uint64_t)st.st_size)
        image_whole(image);
}

ssize_t image_read(struct image *image, void *buffer, size_t size, uint64_t offset)
{
    ssize_t got = pread(image->fd, buffer, size, (off_t)offset);

    if (got < 0)
        return -errno;
    note_delivered(image, (uint64_t)got);
    return got;
}

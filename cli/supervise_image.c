/* supervise_image.c: the images that callers have descriptors of */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "psctl.h"
#include "supervise.h"

enum { LISTS = 1024 };

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

/* By fd, as libps's wrappers describe it: with the names and the size that it has to programs */
static bool describe(struct image *image, int fd)
{
    return fstat(fd, &image->status) == 0 &&
           statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &image->statx) == 0;
}

static struct image *add(int fd, bool is_plain)
{
    struct image *image = calloc(1, sizeof(*image));
    struct stat st;

    if (image == NULL || raw_call(SYS_fstat, fd, (long)&st, 0, 0, 0, 0) < 0 ||
        !describe(image, fd) || pthread_mutex_init(&image->lock, NULL) != 0) {
        free(image);
        return NULL;
    }
    image->device = st.st_dev;
    image->inode = st.st_ino;
    image->fd = fd;
    image->is_whole = is_plain;
    image->next = atomic_load(&lists[st.st_ino % LISTS]);
    atomic_store(&lists[st.st_ino % LISTS], image);
    return image;
}

/* What is whole needs no descriptor here, and goes when the program's are closed. */
static void give_back(struct image *image)
{
    if (!image->is_whole || image->readers > 0 || image->fd < 0)
        return;
    close(image->fd);
    image->fd = -1;
}

/* It is opened once more; or, after long, another has its number. */
static void renew(struct image *image, int fd, bool is_plain)
{
    pthread_mutex_lock(&image->lock);
    describe(image, fd);
    if (image->fd >= 0) { /* under the same number: others may be reading by it */
        dup3(fd, image->fd, O_CLOEXEC);
        close(fd);
    } else {
        image->fd = fd;
    }
    image->is_whole = image->is_whole && (is_plain || ps_fd_resolve(image->fd, NULL) == 0);
    give_back(image);
    pthread_mutex_unlock(&image->lock);
}

struct image *image_keep(int fd, bool is_plain)
{
    struct image *image;

    pthread_mutex_lock(&adding);
    image = image_of(fd);
    if (image != NULL)
        renew(image, fd, is_plain);
    else
        image = add(fd, is_plain);
    pthread_mutex_unlock(&adding);
    if (image == NULL)
        close(fd);
    return image;
}

/* A descriptor of it that stays, or -1 where it is whole; leave when it was used */
static int enter(struct image *image)
{
    int fd;

    pthread_mutex_lock(&image->lock);
    image->readers++;
    fd = image->is_whole ? -1 : image->fd;
    pthread_mutex_unlock(&image->lock);
    return fd;
}

static void leave(struct image *image, bool is_whole)
{
    pthread_mutex_lock(&image->lock);
    image->readers--;
    if (is_whole)
        image->is_whole = true;
    give_back(image);
    pthread_mutex_unlock(&image->lock);
}

int image_whole(struct image *image)
{
    int fd, result;

    if (atomic_load(&image->is_whole))
        return 0;
    fd = enter(image);
    result = fd < 0 ? 0 : ps_fd_resolve(fd, NULL);
    leave(image, result == 0);
    return result == 0 ? 0 : -EIO;
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

ssize_t image_read(struct image *image, int copy, void *buffer, size_t size, uint64_t offset)
{
    int fd = enter(image);
    ssize_t got =
        fd >= 0 ? pread(fd, buffer, size, (off_t)offset) : raw_pread(copy, buffer, size, offset);

    if (got < 0 && fd >= 0)
        got = -errno;
    leave(image, false);
    return got;
}

void image_stat(struct image *image, struct stat *status, struct statx *statx)
{
    pthread_mutex_lock(&image->lock);
    *status = image->status;
    *statx = image->statx;
    pthread_mutex_unlock(&image->lock);
}

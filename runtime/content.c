/* content.c: see content.h */
#include "content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include <ps/ps.h>

#include "base/sys.h"
#include "handle.h"

static int memory_read(const struct ps_content *content, void *buffer, size_t size, uint64_t offset,
                       struct ps_error *err)
{
    const struct ps_memory_content *memory = (const struct ps_memory_content *)content;

    if (offset > content->size || size > content->size - offset)
        return ps_error_set(err, PS_E_INVALID, 0, "a put reads past its content");
    if (size > 0)
        memcpy(buffer, memory->data + offset, size);
    return 0;
}

struct ps_memory_content ps_content_of_memory(const void *data, size_t size)
{
    return (struct ps_memory_content){{size, memory_read, memory_read}, data};
}

static bool is_changed(const struct ps_file_content *file)
{
    struct stat now;

    return sys_fstat(file->fd, &now) < 0 || now.st_size != file->before.st_size ||
           now.st_mtim.tv_sec != file->before.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != file->before.st_mtim.tv_nsec;
}

static int file_read(const struct ps_content *content, void *buffer, size_t size, uint64_t offset,
                     struct ps_error *err)
{
    const struct ps_file_content *file = (const struct ps_file_content *)content;

    for (size_t done = 0; done < size;) {
        ssize_t got = sys_pread(file->fd, (char *)buffer + done, size - done, offset + done);
        if (got == -EINTR)
            continue;
        if (got < 0)
            return ps_error_set(err, PS_E_SYSTEM, (int)-got, "can't read %s", file->path);
        if (got == 0)
            return ps_error_set(err, PS_E_CORRUPT, 0, "%s became shorter while it was read",
                                file->path);
        done += (size_t)got;
    }
    /* after each read, and so after the last, whichever that is: the backend has not published
     * yet, and a mix of two states of the file never becomes an object */
    if (is_changed(file))
        return ps_error_set(err, PS_E_CORRUPT, 0, "%s changed while it was stored", file->path);
    return 0;
}

int ps_content_of_file(struct ps_file_content *file, const char *path, struct ps_error *err)
{
    int result;

    *file = (struct ps_file_content){{0, file_read, file_read}, path, -1, {0}};
    file->fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    if (file->fd < 0)
        return ps_error_set(err, file->fd == -ENOENT ? PS_E_NOT_FOUND : PS_E_SYSTEM, -file->fd,
                            "can't open %s", path);
    result = sys_fstat(file->fd, &file->before);
    if (result < 0)
        result = ps_error_set(err, PS_E_SYSTEM, -result, "can't stat %s", path);
    else if (!S_ISREG(file->before.st_mode))
        result = ps_error_set(err, PS_E_INVALID, 0, "%s is not a regular file", path);
    file->content.size = (uint64_t)file->before.st_size;
    if (result < 0)
        sys_close(file->fd);
    return result;
}

/* Of the version that its proxy names, or that was there when it was opened: or it fails. */
static int object_read(const struct ps_content *content, void *buffer, size_t size, uint64_t offset,
                       struct ps_error *err)
{
    const struct ps_image *image = ((const struct ps_object_content *)content)->image;

    if (size == 0)
        return 0;
    return ps_handle_read(image->handle, image->key, &image->expected, buffer, size,
                          image->proxy->offset + offset, err);
}

struct ps_object_content ps_content_of_object(struct ps_image *image)
{
    return (struct ps_object_content){{ps_image_size(image), object_read, NULL}, image};
}

/* --- who is told --- */

static _Atomic(ps_progress *) progress;

PS_API void ps_on_progress(ps_progress *function)
{
    atomic_store(&progress, function);
}

static int tell(uint64_t done, uint64_t size, struct ps_error *err)
{
    ps_progress *function = atomic_load(&progress);

    /* what is read again, for another try, is no more */
    if (function == NULL || function(done < size ? done : size, size) == 0)
        return 0;
    return ps_error_set(err, PS_E_SYSTEM, ECANCELED, "the put was ended");
}

static int watched_read(const struct ps_content *content, void *buffer, size_t size,
                        uint64_t offset, struct ps_error *err)
{
    /* its count of what was done is the one thing of a content that changes */
    struct ps_watched_content *watched = (struct ps_watched_content *)(uintptr_t)content;
    int result = watched->real->read(watched->real, buffer, size, offset, err);
    uint64_t done = atomic_fetch_add(&watched->done, size) + size;

    return result < 0 ? result : tell(done, content->size, err);
}

static int watched_look(const struct ps_content *content, void *buffer, size_t size,
                        uint64_t offset, struct ps_error *err)
{
    const struct ps_watched_content *watched = (const struct ps_watched_content *)content;
    int result = watched->real->look(watched->real, buffer, size, offset, err);

    return result < 0 ? result : tell(atomic_load(&watched->done), content->size, err);
}

struct ps_watched_content ps_content_watched(const struct ps_content *real)
{
    return (struct ps_watched_content){
        {real->size, watched_read, real->look != NULL ? watched_look : NULL}, real, 0};
}

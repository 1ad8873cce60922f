/* content.h: the bytes of a put: of memory, of a file, of another object */
#ifndef PS_CONTENT_H
#define PS_CONTENT_H

#include <stdatomic.h>
#include <sys/stat.h>

#include <ps/backend.h>

#include "image.h"

struct ps_memory_content {
    struct ps_content content;
    const char *data;
};

struct ps_memory_content ps_content_of_memory(const void *data, size_t size);

struct ps_file_content {
    struct ps_content content;
    const char *path;
    int fd;
    struct stat before; /* as it was when the put began */
};

/* ps_content_of_file: fd is the caller's to close; path stays in use until then */
int ps_content_of_file(struct ps_file_content *file, const char *path, struct ps_error *err);

struct ps_object_content {
    struct ps_content content;
    struct ps_image *image;
};

/* ps_content_of_object: read from its store, not into its image; the reference stays the caller's
 */
struct ps_object_content ps_content_of_object(struct ps_image *image);

/* Another one, of which ps_on_progress is told. */
struct ps_watched_content {
    struct ps_content content;
    const struct ps_content *real;
    _Atomic uint64_t done;
};

struct ps_watched_content ps_content_watched(const struct ps_content *real);

#endif

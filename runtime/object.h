/*
 * object.h: from a proxy to its image
 *
 * One image per object and process: a second open of the same proxy shares it.
 * Images without users stay for the next open, until there are many.
 */
#ifndef PS_OBJECT_H
#define PS_OBJECT_H

#include <stdbool.h>
#include <sys/stat.h>

#include "image.h"

/* Where a proxy came from: what trust and identity depend on. */
struct ps_origin {
    const char *folder;      /* of the proxy file; NULL when the program gave a URI itself */
    const struct stat *name; /* of the proxy file; NULL when there is none */
    const char *path;        /* of it; NULL: not known */
    bool asks;               /* only what it is: counted as no open */
};

/*
 * ps_object_open: the image of the object that a proxy names, with a reference
 *
 * Checks trust, opens the store, asks it what the proxy does not say. Runs on a
 * worker (ps_work_call).
 * name_index (may be NULL): the index of origin->name among the image's names.
 */
int ps_object_open(struct ps_image **out, const struct ps_proxy *proxy,
                   const struct ps_origin *origin, uint32_t *name_index, struct ps_error *err);

/*
 * ps_object_open_text: the same by the path of a proxy file, or a URI
 *
 * On any thread that may wait; err is not NULL.
 */
int ps_object_open_text(struct ps_image **out, const char *text, struct ps_error *err);

/*
 * ps_object_attach: the image of a descriptor that came from another process
 *
 * path is that of the descriptor in /proc. Returns 1 when it is no image of libps; a negative code
 * when it is one whose table can't be found or used, or may be one: its holes must not be read
 * then.
 */
int ps_object_attach(struct ps_image **out, const char *path, struct ps_error *err);

/* ps_object_any_lazy: is there an image whose bytes have to be fetched? */
bool ps_object_any_lazy(void);

/* ps_object_fork_child: in the child, while all locks of lock.h are still held */
void ps_object_fork_child(void);

#endif

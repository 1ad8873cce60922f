/* map.h: lazy memory: what ps_lazy_map and the program's mmap have in common */
#ifndef PS_MAP_H
#define PS_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"
#include "region.h"

/*
 * ps_map_image: a private mapping of [offset, offset+length) of an image, watched
 *
 * As mmap: address, prot and flags (MAP_FIXED and the like) mean the same;
 * always MAP_PRIVATE. *out gets the address. Errors: err, with sys_errno.
 */
int ps_map_image(void **out, struct ps_image *image, void *address, size_t length, int prot,
                 int flags, uint64_t offset, struct ps_error *err);

/* ps_map_unmap: the program's munmap of a range that may hold lazy memory; 0 or a negative errno */
int ps_map_unmap(uintptr_t start, size_t size);

/*
 * ps_map_replace: mmap with MAP_FIXED over a range that may hold lazy memory
 *
 * Returns an address or a negative errno, as the kernel; what is mapped is not lazy yet.
 */
void *ps_map_replace(void *address, size_t length, int prot, int flags, int fd, off_t offset);

/* Images whose blocks stay while a system call runs; those of more are not kept. */
enum { PS_PINS_MAX = 4 };
struct ps_pins {
    struct ps_image *image[PS_PINS_MAX]; /* with references */
    unsigned pin[PS_PINS_MAX];           /* of each */
    unsigned count;
};

/*
 * ps_map_resolve_buffer: bring lazy memory of a buffer here, before a system call gets it
 *
 * pins: it stays here until ps_map_unpin; or NULL. A handler that leaves the
 * call by siglongjmp leaves them: then the image keeps these blocks.
 */
int ps_map_resolve_buffer(const void *buffer, size_t size, struct ps_pins *pins,
                          struct ps_error *err);
void ps_map_unpin(struct ps_pins *pins);

/* ps_map_allows: is some of the buffer lazy memory, and may the program touch all of that so? */
bool ps_map_allows(const void *buffer, size_t size, int prot);

/*
 * ps_map_remap: the program's mremap of a range that may hold lazy memory
 *
 * Returns an address or a negative errno, as the kernel.
 */
void *ps_map_remap(uintptr_t from, size_t old_size, size_t new_size, int flags, void *wanted);

/*
 * ps_map_drop: the program's madvise that drops what it wrote to lazy memory
 *
 * A page that it wrote may be open in segv memory while its block is not here:
 * without the program's bytes it would show the image's hole. 0 or a negative errno.
 */
int ps_map_drop(uintptr_t start, size_t size, int advice);

/* ps_map_protect: the program's mprotect of lazy memory; 0 or a negative errno */
int ps_map_protect(uintptr_t start, size_t size, int prot);

/* ps_map_first: the shim's, called when there is lazy memory: libc's streams may be given it */
extern void (*ps_map_first)(void);

#endif

/*
 * memory_space.h: the named spaces of this process and the objects in them
 *
 * All functions are thread-safe, and usable in the child of a fork.
 */
#ifndef PS_MEMORY_SPACE_H
#define PS_MEMORY_SPACE_H

#include <stdatomic.h>

#include <ps/backend.h>

struct memory_object {
    struct memory_object *next;
    atomic_int users; /* one for the list, one for each running read */
    struct ps_object_info info;
    unsigned char *bytes;
    char key[];
};

struct memory_space {
    struct memory_space *next;
    struct memory_object *objects;
    char name[];
};

/* ps_memory_space: the space of that name, made if need be; it is never freed. NULL: no memory. */
struct memory_space *ps_memory_space(const char *name, size_t length);

/* ps_memory_object: a new object with room for size bytes, in no space yet. NULL: no memory. */
struct memory_object *ps_memory_object(const char *key, uint64_t size);

/* ps_memory_take: the object of key, to be released, or NULL */
struct memory_object *ps_memory_take(struct memory_space *space, const char *key);

/*
 * ps_memory_exchange: put object (NULL: none) in the place of the one under key
 *
 * Gives it its version; the caller's right to it goes to the space.
 */
void ps_memory_exchange(struct memory_space *space, const char *key, struct memory_object *object);

/*
 * ps_memory_all: references to all objects of a space, with a NULL behind the last
 *
 * Each is to be released, and then the array freed. NULL: no memory.
 */
struct memory_object **ps_memory_all(struct memory_space *space);

/* ps_memory_release: the caller needs object no longer. NULL is fine. */
void ps_memory_release(struct memory_object *object);

#endif

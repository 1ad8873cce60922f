/* memory_space.c: see memory_space.h */
#include "memory_space.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* This lock protects the list of spaces, their lists of objects, and the number of puts. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct memory_space *spaces;
static uint64_t put_count;

static void lock_all(void)
{
    pthread_mutex_lock(&lock);
}

static void unlock_all(void)
{
    pthread_mutex_unlock(&lock);
}

/*
 * Without this, a child forked while another thread holds the lock could never
 * take it. By a constructor, before the shim's: what is registered later is
 * prepared for a fork earlier, and this lock must come after that of handles,
 * which is held while a store is opened.
 */
__attribute__((constructor(101))) static void survive_fork(void)
{
    pthread_atfork(lock_all, unlock_all, unlock_all);
}

void ps_memory_release(struct memory_object *object)
{
    if (object == NULL || atomic_fetch_sub(&object->users, 1) != 1)
        return;
    free(object->bytes);
    free(object);
}

/* The link that points to the object of key, or to the NULL at the end. Lock held. */
static struct memory_object **link_of(struct memory_space *space, const char *key)
{
    struct memory_object **link = &space->objects;

    while (*link != NULL && strcmp((*link)->key, key) != 0)
        link = &(*link)->next;
    return link;
}

struct memory_object *ps_memory_take(struct memory_space *space, const char *key)
{
    struct memory_object *object;

    lock_all();
    object = *link_of(space, key);
    if (object != NULL)
        atomic_fetch_add(&object->users, 1);
    unlock_all();
    return object;
}

struct memory_object **ps_memory_all(struct memory_space *space)
{
    struct memory_object **all, *object;
    size_t count = 0;

    lock_all();
    for (object = space->objects; object != NULL; object = object->next)
        count++;
    all = calloc(count + 1, sizeof(struct memory_object *));
    count = 0;
    for (object = space->objects; object != NULL && all != NULL; object = object->next) {
        atomic_fetch_add(&object->users, 1);
        all[count++] = object;
    }
    unlock_all();
    return all;
}

void ps_memory_exchange(struct memory_space *space, const char *key, struct memory_object *object)
{
    struct memory_object **link, *old;

    lock_all();
    link = link_of(space, key);
    old = *link;
    if (object != NULL) {
        /* the process is named because parent and child count on from the same number */
        snprintf(object->info.version, sizeof(object->info.version), "p%ld-%" PRIu64,
                 (long)getpid(), ++put_count);
        object->next = old ? old->next : NULL;
        *link = object;
    } else if (old != NULL) {
        *link = old->next;
    }
    unlock_all();
    ps_memory_release(old);
}

struct memory_space *ps_memory_space(const char *name, size_t length)
{
    struct memory_space *space;

    lock_all();
    for (space = spaces; space != NULL; space = space->next)
        if (strlen(space->name) == length && memcmp(space->name, name, length) == 0)
            break;
    if (space == NULL && (space = calloc(1, sizeof(*space) + length + 1)) != NULL) {
        memcpy(space->name, name, length);
        space->next = spaces;
        spaces = space;
    }
    unlock_all();
    return space;
}

struct memory_object *ps_memory_object(const char *key, uint64_t size)
{
    struct memory_object *object = calloc(1, sizeof(*object) + strlen(key) + 1);

    if (object == NULL)
        return NULL;
    object->bytes = malloc(size ? size : 1);
    if (object->bytes == NULL) {
        free(object);
        return NULL;
    }
    atomic_init(&object->users, 1);
    object->info.size = size;
    strcpy(object->key, key);
    return object;
}

/*
 * ps.h: transparent lazy proxies for C data
 *
 * A store holds objects: immutable bytes under keys. A proxy names an object.
 * A lazy map is a plain pointer to an object whose pages are fetched when they
 * are first touched.
 *
 *     size_t size;
 *     struct ps_error err = {0};
 *     const double *a = ps_lazy_map("mesh.psx", &size, NULL, &err);
 *     if (a == NULL)
 *         fprintf(stderr, "%s\n", err.message);
 *     double x = a[123456];        // fetched here, and only the part around it
 *     ps_unmap((void *)a);
 *
 * Caveats. A touch that cannot be fetched raises SIGBUS at its address, as a
 * mapped file does on an I/O error; with <ps/try.h> it is an error instead. A
 * child of fork() inherits its parent's lazy maps, and so does one of clone()
 * or syscall(); one that is made without libc does not. Memory of a lazy map
 * that is handed to a system call is fetched first by the libc functions that
 * libps wraps; system calls made without libc may fail with EFAULT.
 *
 * All functions may be called from any thread, but from no signal handler.
 * Functions that take a struct ps_error accept NULL.
 */
#ifndef PS_PS_H
#define PS_PS_H

#include <stddef.h>
#include <stdint.h>

#include <ps/error.h>
#include <ps/proxy.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ps_version: the release, as "1.0.0". Static; do not free. */
PS_API const char *ps_version(void);

/* --- stores --------------------------------------------------------------- */

struct ps_store; /* a named, configured place for objects */

/*
 * ps_store_open: open a store by its configured name, or by URL
 *
 * name_or_url NULL is the default store. *out is the caller's, to be closed.
 * Errors: PS_E_NOT_FOUND (no such name), PS_E_UNSUPPORTED (no such scheme),
 * PS_E_INVALID (bad URL or configuration), PS_E_UNAVAILABLE, PS_E_SYSTEM.
 */
PS_API int ps_store_open(struct ps_store **out, const char *name_or_url, struct ps_error *err);

/* ps_store_close: give the store back. NULL is fine. Maps of its objects stay valid. */
PS_API void ps_store_close(struct ps_store *store);

/*
 * ps_store_put: store size bytes of data under key
 *
 * key NULL makes a new unique one. Atomic: a reader never sees half an object.
 * Fills *proxy (may be NULL) with a proxy of the new object. An existing key
 * is replaced; proxies of the old object then fail with PS_E_STALE.
 */
PS_API int ps_store_put(struct ps_store *store, const char *key, const void *data, size_t size,
                        struct ps_proxy *proxy, struct ps_error *err);

/* ps_store_put_file: the same, with the bytes of a regular file */
PS_API int ps_store_put_file(struct ps_store *store, const char *key, const char *path,
                             struct ps_proxy *proxy, struct ps_error *err);

/*
 * ps_store_copy: the same, with the bytes of another object
 *
 * from is the path of a proxy file, or a URI. They are read as they are put, and
 * never all in memory. An object that is replaced meanwhile is PS_E_STALE, and
 * nothing is stored. The digest of from is that of *proxy, too.
 */
PS_API int ps_store_copy(struct ps_store *store, const char *key, const char *from,
                         struct ps_proxy *proxy, struct ps_error *err);

/*
 * ps_on_progress: have function called as bytes of puts and copies are read
 *
 * In the whole process; NULL: no more. On any thread, on several at once: with
 * how many bytes of how many one of them has read. It may be told the same
 * again, at least once a second by a store that waits for its server. 0 goes
 * on; all else ends that put, which fails with PS_E_SYSTEM and ECANCELED, and
 * leaves nothing.
 */
typedef int ps_progress(uint64_t done, uint64_t size);
PS_API void ps_on_progress(ps_progress *function);

/*
 * ps_store_get: a whole object, copied into memory
 *
 * *data is the caller's, to be released with free(). *size is in bytes.
 */
PS_API int ps_store_get(struct ps_store *store, const char *key, void **data, size_t *size,
                        struct ps_error *err);

/* ps_store_exists: 1 when there is such an object, 0 when not, negative on error */
PS_API int ps_store_exists(struct ps_store *store, const char *key, struct ps_error *err);

/* ps_store_evict: remove an object from the store. A missing one is no error. */
PS_API int ps_store_evict(struct ps_store *store, const char *key, struct ps_error *err);

/* ps_store_proxy: a proxy of an object that is in the store; its bytes are not read */
PS_API int ps_store_proxy(struct ps_store *store, const char *key, struct ps_proxy *proxy,
                          struct ps_error *err);

/* Who is told of each object: 0 goes on, all else ends it. Makes no call on the store. */
typedef int ps_store_each(void *context, const char *key, const struct ps_proxy *proxy);

/*
 * ps_store_list: tell of each object of a store, in any order, perhaps of some twice
 *
 * What comes, goes or is replaced meanwhile may be told of or not.
 * each is called on a thread of libps, one call at a time. Returns 0, what each
 * returned if it was not 0, or a negative code: PS_E_UNSUPPORTED where the
 * store can't be listed.
 */
PS_API int ps_store_list(struct ps_store *store, ps_store_each *each, void *context,
                         struct ps_error *err);

/* --- lazy maps ------------------------------------------------------------ */

enum ps_map_flags {
    PS_MAP_READ_ONLY = 1, /* writing raises SIGSEGV; else writes stay the program's own */
};

struct ps_map_options {
    size_t struct_size; /* sizeof(struct ps_map_options) */
    unsigned flags;     /* of enum ps_map_flags */
};

/*
 * ps_lazy_map: map an object; nothing is fetched yet
 *
 * proxy is the path of a proxy file, or a URI. *size (may be NULL) gets the
 * object's size in bytes. options NULL: a private, writable map. The address
 * is page-aligned; release it with ps_unmap. An empty object gives a valid
 * address with no byte to touch. NULL on error: PS_E_NOT_FOUND, PS_E_REFUSED,
 * PS_E_STALE, PS_E_UNAVAILABLE, PS_E_CORRUPT, PS_E_INVALID, PS_E_UNSUPPORTED
 * (no backend of that scheme, no engine), PS_E_NOMEM, PS_E_SYSTEM.
 */
PS_API void *ps_lazy_map(const char *proxy, size_t *size, const struct ps_map_options *options,
                         struct ps_error *err);

/* ps_unmap: release a map by the address that ps_lazy_map gave. NULL is fine; 0, or PS_E_INVALID.
 */
PS_API int ps_unmap(void *address);

/* ps_is_proxy: 1 when address lies in a lazy map, else 0. Never fetches. */
PS_API int ps_is_proxy(const void *address);

/* ps_is_resolved: 1 when all of [offset, offset+length) from address is here already. Never
 * fetches. */
PS_API int ps_is_resolved(const void *address, size_t offset, size_t length);

/* ps_resolve: fetch a range now, and wait for it. length 0: to the map's end. */
PS_API int ps_resolve(const void *address, size_t offset, size_t length, struct ps_error *err);

/*
 * ps_prefetch: fetch a range in the background; length 0: to the end
 *
 * A hint: from the front of the range as much is queued as requests are free,
 * of 384 in the process with up to 2 MiB each; what is behind is left to the
 * touch, or to the next call. A failure shows at the touch.
 */
PS_API int ps_prefetch(const void *address, size_t offset, size_t length, struct ps_error *err);

/*
 * ps_evict: drop what was fetched of a range; the next touch fetches it again
 *
 * Pages that the program wrote keep its bytes. Blocks that overlap the range
 * only in part stay. length 0: to the map's end. Returns the number of bytes
 * dropped (0 when they are in use elsewhere), or a negative code.
 */
PS_API int64_t ps_evict(const void *address, size_t offset, size_t length, struct ps_error *err);

/*
 * ps_fd_resolve: fetch all of the object that a descriptor shows, and wait for it
 *
 * Before it is handed to a process without libps, which would read zeros where
 * nothing was fetched. From then on nothing of it is dropped. 0, also where fd
 * shows no object of a proxy; a failure is reported on stderr, and is
 * PS_E_UNAVAILABLE, or PS_E_INVALID where fd is not open. Programs that get
 * descriptors from libps's wrappers have libps preloaded, or are linked to it.
 */
PS_API int ps_fd_resolve(int fd, struct ps_error *err);

/* ps_proxy_of: the proxy of the map at address, to hand to another process */
PS_API int ps_proxy_of(const void *address, struct ps_proxy *out, struct ps_error *err);

/* --- statistics ----------------------------------------------------------- */

struct ps_stats {
    size_t struct_size;  /* sizeof(struct ps_stats), set by the caller */
    uint64_t objects;    /* objects met */
    uint64_t size;       /* bytes of those objects */
    uint64_t fetched;    /* bytes moved from stores */
    uint64_t requests;   /* reads sent to stores */
    uint64_t faults;     /* first touches of memory that the engine caught */
    uint64_t stalls;     /* times that a touch or a call had to wait */
    uint64_t stalled_ns; /* time that touches and calls waited, in nanoseconds */
    uint64_t failures;   /* requests that failed */
    uint64_t evicted;    /* bytes dropped again, by ps_evict or for PS_MEMORY */
    uint64_t wasted;     /* bytes fetched ahead of streams of accesses that then ended */

    uint64_t resident;     /* the most bytes that one image of an object held at once, added up */
    uint64_t stall_p50_ns; /* half of the stalls were shorter; too high by an eighth at most */
    uint64_t stall_p99_ns; /* the same of 99 in 100 */

    /* of all engines, for all objects: set where address is NULL, else 0 */
    uint64_t events;  /* first touches that an engine was told of */
    uint64_t batches; /* reads that brought such events */
    uint64_t wakeups; /* times that an event woke an engine's thread */

    uint64_t cached; /* bytes that the node's cache had, and were not moved */
};

/*
 * ps_stats_get: what was done so far
 *
 * address in a lazy map: for its object; NULL: for all on the board of
 * PS_STATS, or else of this process and of the children that share its objects. Errors:
 * PS_E_INVALID.
 */
PS_API int ps_stats_get(const void *address, struct ps_stats *out, struct ps_error *err);

/* --- this machine and this user ------------------------------------------- */

/*
 * ps_trust_allow: record in the user's configuration that proxies may name
 * objects under a URL prefix, such as "file:///scratch/project/"
 *
 * Does nothing where a prefix that covers it is recorded, or where it lies in
 * a configured store. file (may be NULL) gets the path of the configuration.
 * Returns 1 when it was recorded now, 0 when it was allowed already, or a
 * negative code.
 */
PS_API int ps_trust_allow(const char *prefix, char *file, size_t size, struct ps_error *err);

/*
 * ps_engine_describe: which engines this machine offers, tried one by one until
 * one works, which is used, why, and the one setting that would make it better
 *
 * Writes lines of text with a closing NUL, cut at size bytes. Returns 0, or
 * PS_E_INVALID when PS_ENGINE names no engine or the configuration is wrong, or
 * PS_E_UNSUPPORTED when it names one that does not work here, or the code of
 * what was lacking: PS_E_NOMEM, PS_E_SYSTEM, PS_E_NOT_FOUND (the file of PS_CONFIG).
 */
PS_API int ps_engine_describe(char *text, size_t size, struct ps_error *err);

#ifdef __cplusplus
}
#endif

#endif

/*
 * backend.h: what the author of a backend needs, and nothing else
 *
 * A backend moves bytes to and from one kind of place. It is a struct of
 * functions, built in or in a module libps-backend-<name>.so that exports
 *
 *     const struct ps_backend *ps_backend_init(uint32_t api_version);
 *
 * Life: init -> open -> (stat | read | put | exists | evict | descriptor | list)* -> close.
 *
 * Every function is called from a worker thread of libps, whose stack is
 * small, never from a signal handler. It may block and may allocate, but
 * touches no memory of a lazy map: the page that it waited for would wait for
 * it. File functions of libc do not see proxies in it.
 * Buffers belong to the caller and are not kept after the return.
 */
#ifndef PS_BACKEND_H
#define PS_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include <ps/error.h>
#include <ps/proxy.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PS_BACKEND_API 1

enum ps_backend_flags {
    PS_BACKEND_PARALLEL = 1, /* many threads may use one handle at once; else libps locks it */
    PS_BACKEND_WRAPPER = 2,  /* scheme "name+": stands before another backend's URL */
    /*
     * read never waits: the bytes are in this process's memory. Whoever needs
     * them then calls it, perhaps in a SIGSEGV handler and under any lock of
     * the program, with all signals blocked: it may allocate nothing, and take
     * no lock that is ever held with signals open. The child of a fork goes on
     * with the handle that it inherited. With PS_BACKEND_PARALLEL only.
     */
    PS_BACKEND_INSTANT = 4,
    PS_BACKEND_REMOTE = 8, /* behind a network, where failures pass: used by way of retry+ */
};

/* In an expected ps_object_info: the proxy names a part, so the whole's size is not known. */
#define PS_SIZE_UNKNOWN UINT64_MAX

/* What a store knows of an object without reading it. */
struct ps_object_info {
    uint64_t size; /* of all that is stored under the key, in bytes */
    char
        version[PS_VERSION_MAX]; /* changes whenever the bytes may have changed; "" where unknown */
};

/* The bytes of a put, to be pulled in any order and from any thread. */
struct ps_content {
    uint64_t size;
    /*
     * fills exactly size bytes from offset, or fails: then the put is to end, and leave
     * nothing. A size of 0 only asks whether it is to end: for waits between reads.
     */
    int (*read)(const struct ps_content *content, void *buffer, size_t size, uint64_t offset,
                struct ps_error *err);
    /*
     * the same, of bytes that are to be read later: for sums that a server wants before them.
     * Not counted as progress. NULL: to read them twice would cost too much.
     */
    int (*look)(const struct ps_content *content, void *buffer, size_t size, uint64_t offset,
                struct ps_error *err);
};

/*
 * Who is told of the objects of a store, one by one: 0 goes on, all else ends
 * it. Calls no function of the backend on the handle whose objects these are.
 */
typedef int ps_backend_each(void *context, const char *key, const struct ps_object_info *info);

/*
 * Required members come first, optional ones (may be NULL) after them; new
 * ones are only ever added at the end. All return 0 or a negative enum ps_code
 * and then fill err.
 */
struct ps_backend {
    size_t struct_size;   /* sizeof(struct ps_backend) */
    uint32_t api_version; /* PS_BACKEND_API */
    uint32_t flags;       /* of enum ps_backend_flags */
    const char *name;
    const char *schemes; /* separated by spaces, without "://" */
    const char *help;    /* its options, one "name=value: meaning" a line; "" if none */

    /*
     * open: a handle for all objects whose URI is url with a key appended to
     * its path. url may end in "?options"; an option that is not known is an
     * error. url is valid during the call only. *handle is passed to the
     * other functions, and close is called once for it, by the process that
     * opened it: the child of a fork opens its own, and neither uses nor closes
     * what it inherited. Should not wait for the network: the first stat or
     * read may. Neither may fork: libps holds a lock that a fork waits for.
     */
    int (*open)(void **handle, const char *url, struct ps_error *err);
    void (*close)(void *handle);

    /* stat: what is known of an object, without its bytes; PS_E_NOT_FOUND if there is none */
    int (*stat)(void *handle, const char *key, struct ps_object_info *info, struct ps_error *err);

    /*
     * read: fill exactly size bytes from offset, or fail; fewer are
     * PS_E_CORRUPT. The bytes must be of the object that expected names:
     * where its size (unless PS_SIZE_UNKNOWN) or version (unless "") differs,
     * fail with PS_E_STALE.
     */
    int (*read)(void *handle, const char *key, const struct ps_object_info *expected, void *buffer,
                size_t size, uint64_t offset, struct ps_error *err);

    /*
     * put: store content under key, atomically, and fill info as stat would.
     * NULL: a place that can only be read.
     */
    int (*put)(void *handle, const char *key, const struct ps_content *content,
               struct ps_object_info *info, struct ps_error *err);

    /* exists: 1 or 0. NULL: stat answers it. */
    int (*exists)(void *handle, const char *key, struct ps_error *err);

    /* evict: remove an object; a missing one is no error. NULL: not supported. */
    int (*evict)(void *handle, const char *key, struct ps_error *err);

    /*
     * descriptor: a new read-only descriptor of the object itself, as a
     * regular file on this machine, at offset 0. The caller closes it.
     * PS_E_UNSUPPORTED is no failure: the object is then read in parts.
     */
    int (*descriptor)(void *handle, const char *key, const struct ps_object_info *expected,
                      struct ps_error *err);

    /*
     * list: tell of each object, in any order, perhaps of some twice, with info as
     * of stat. What comes, goes or is replaced meanwhile may be told of or not.
     * What each returned, if that was not 0, is returned. NULL: not supported.
     */
    int (*list)(void *handle, ps_backend_each *each, void *context, struct ps_error *err);

    /*
     * forget: in the child of a fork, of a handle that its parent opened
     *
     * Called once, in the fork itself: closes descriptors whose locks or
     * connections would else live as long as the child. What is in memory may
     * be as another thread left it in the middle of a call: it may take no
     * lock, and allocate and free nothing. A wrapper hands it on. NULL: nothing
     * to close.
     */
    void (*forget)(void *handle);

    /*
     * distrust: what was read of this object is not what its maker put there
     *
     * By a digest. What is kept of it, to be read from again, goes. A wrapper hands
     * it on. NULL: nothing is kept.
     */
    void (*distrust)(void *handle, const char *key, const struct ps_object_info *expected);

    /*
     * place: where the objects are, if that is not in the URL alone
     *
     * Two handles of one URL may have different ones; it is as good as a URL
     * to tell objects apart, and stays valid until close. NULL: the URL says all.
     */
    const char *(*place)(void *handle);

    /*
     * parts: how many bytes the parts of an object have (the last may have fewer) whose sums the
     * store keeps
     *
     * PS_E_UNSUPPORTED where it keeps none, or has parts of several sizes. All of an
     * object may be one part. A wrapper hands it on, and check. NULL: none.
     */
    int (*parts)(void *handle, const char *key, const struct ps_object_info *expected,
                 uint64_t *size, struct ps_error *err);

    /*
     * check: is a part what the store has the sum of? Of the parts that parts has told of, counted
     * from 0; content has its bytes, which the object has from offset on
     *
     * PS_E_CORRUPT: it is not. All other failures say nothing about it.
     */
    int (*check)(void *handle, const char *key, const struct ps_object_info *expected,
                 uint64_t number, uint64_t offset, const struct ps_content *content,
                 struct ps_error *err);
};

/*
 * ps_backend_init: what a module exports, and all that it exports
 *
 * Called when a URL first names one of the module's schemes, perhaps by two
 * threads at once. The struct stays valid for the life of the process. NULL:
 * the module was not made for api_version.
 */
PS_API const struct ps_backend *ps_backend_init(uint32_t api_version);

/* --- services that a backend may call ------------------------------------- */

/* ps_backend_open: open url with the backend of its scheme. For wrappers. */
PS_API int ps_backend_open(const struct ps_backend **backend, void **handle, const char *url,
                           struct ps_error *err);

/*
 * ps_backend_hold: a descriptor that stays open between calls
 *
 * Moves fd out of the program's way, to a number that the program's own close
 * and dup2 pass by, close-on-exec. Returns the new number, or a negative code;
 * fd is closed either way. To be closed with ps_backend_unhold.
 */
PS_API int ps_backend_hold(int fd, struct ps_error *err);
PS_API void ps_backend_unhold(int fd);

/*
 * ps_backend_cached: size bytes of the read that this thread is at were on this machine already
 *
 * They are counted as such, and not as moved. For caches.
 */
PS_API void ps_backend_cached(size_t size);

/*
 * ps_backend_deadline: until when the read, stat or exists that this thread is at may take
 *
 * In nanoseconds of CLOCK_MONOTONIC; UINT64_MAX: it has no limit. Somebody who
 * comes to wait for the same bytes meanwhile moves it on: to be asked for anew
 * before each wait. At it the read should fail with PS_E_UNAVAILABLE, and why; soon
 * after it libps tells those who wait that nothing came, whatever the read does.
 */
PS_API uint64_t ps_backend_deadline(void);

/*
 * ps_backend_moved: what this thread's read waits for has come a good way: its deadline counts
 * from now
 *
 * For what can't be had without much else, as of a server that sends all from the start.
 */
PS_API void ps_backend_moved(void);

/*
 * ps_backend_cache_folder: where bytes are kept (PS_CACHE), and how many may be (PS_CACHE_SIZE)
 *
 * As it was when the configuration was read; *folder stays valid. *limit 0:
 * half of what the file system has room for. PS_E_INVALID: none is set. For caches.
 */
PS_API int ps_backend_cache_folder(const char **folder, uint64_t *limit, struct ps_error *err);

/*
 * PS_TREE_CACHE: the name of the memfd that psctl run makes for the programs below it
 *
 * PS_CACHE is /proc/PROCESS/fd/NUMBER then, of the program that psctl run has
 * started; the others have inherited the descriptor under the same number.
 */
#define PS_TREE_CACHE "libps-cache"

/*
 * ps_backend_retry_after: a store that refuses a call says when it may be made again
 *
 * In nanoseconds from now, before that call returns, on its thread. The retry
 * wrapper waits so long, or fails at once where its deadline is before that.
 * ps_backend_take_retry_after gives it to a wrapper, once; 0: nothing was said.
 */
PS_API void ps_backend_retry_after(uint64_t ns);
PS_API uint64_t ps_backend_take_retry_after(void);

/*
 * ps_url_option: take an option out of a URL
 *
 * Removes the first "name=value" of the part after '?' from url, and copies
 * the value, percent-decoded. Returns 1 when it was there, 0 when not, or
 * PS_E_INVALID when the value does not fit.
 */
PS_API int ps_url_option(char *url, const char *name, char *value, size_t size,
                         struct ps_error *err);

/* ps_url_end_options: PS_E_INVALID, naming the first, when url still has options */
PS_API int ps_url_end_options(const char *url, struct ps_error *err);

/* ps_parse_size: "64", "64K", "1M", "2G", "1T", powers of 1024, into bytes */
PS_API int ps_parse_size(uint64_t *bytes, const char *text, struct ps_error *err);

/* ps_parse_time: "10ms", "250us", "3s", "40ns", or seconds as a number, into nanoseconds */
PS_API int ps_parse_time(uint64_t *ns, const char *text, struct ps_error *err);

#ifdef __cplusplus
}
#endif

#endif

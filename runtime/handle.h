/*
 * handle.h: one opened place, and the cache of them
 *
 * A handle is a backend opened at a URL. Objects below the same URL share it.
 */
#ifndef PS_HANDLE_H
#define PS_HANDLE_H

#include <stdbool.h>

#include <ps/backend.h>
#include <ps/ps.h>

#include "flow.h"

struct ps_handle;

/*
 * ps_handle_get: the handle for a store's URL, opened if need be; to be given back
 *
 * With the password that the configuration has for it.
 */
int ps_handle_get(struct ps_handle **out, const char *place, struct ps_error *err);

/* ps_handle_put: give it back; NULL is fine */
void ps_handle_put(struct ps_handle *handle);

/* ps_handle_is_instant: may this thread call its read here and now? (PS_BACKEND_INSTANT) */
bool ps_handle_is_instant(const struct ps_handle *handle);

/* ps_handle_flow: how it may be asked, and how it answers; valid as long as the handle */
struct ps_flow *ps_handle_flow(struct ps_handle *handle);

/* ps_handle_is_parallel: may it be used while it is in use? (PS_BACKEND_PARALLEL) */
bool ps_handle_is_parallel(const struct ps_handle *handle);

/* ps_handle_deadline: how long somebody may wait for bytes of it, in ns; 0: as long as it takes */
uint64_t ps_handle_deadline(const struct ps_handle *handle);

/* ps_handle_has_parts: may its store have sums of parts? Else not to be asked for them. */
bool ps_handle_has_parts(const struct ps_handle *handle);

/* ps_handle_cached: how many bytes of this thread's last read were on this machine already */
size_t ps_handle_cached(void);

/*
 * ps_handle_limit: what this thread asks of the handle next is for somebody who has waited since
 * *clock (ps_run_ns), which may move on meanwhile: the deadline counts from then; NULL: it is for
 * nobody
 */
void ps_handle_limit(const struct ps_handle *handle, _Atomic uint64_t *clock);

/* The backend's functions on a handle; see backend.h. Locked where the backend wants it. */
int ps_handle_stat(struct ps_handle *handle, const char *key, struct ps_object_info *info,
                   struct ps_error *err);
int ps_handle_read(struct ps_handle *handle, const char *key, const struct ps_object_info *expected,
                   void *buffer, size_t size, uint64_t offset, struct ps_error *err);
int ps_handle_put_content(struct ps_handle *handle, const char *key,
                          const struct ps_content *content, struct ps_object_info *info,
                          struct ps_error *err);
int ps_handle_exists(struct ps_handle *handle, const char *key, struct ps_error *err);
int ps_handle_evict(struct ps_handle *handle, const char *key, struct ps_error *err);
void ps_handle_distrust(struct ps_handle *handle, const char *key,
                        const struct ps_object_info *expected);
int ps_handle_descriptor(struct ps_handle *handle, const char *key,
                         const struct ps_object_info *expected, struct ps_error *err);
int ps_handle_parts(struct ps_handle *handle, const char *key,
                    const struct ps_object_info *expected, uint64_t *size, struct ps_error *err);
int ps_handle_check(struct ps_handle *handle, const char *key,
                    const struct ps_object_info *expected, uint64_t number, uint64_t offset,
                    const struct ps_content *content, struct ps_error *err);
int ps_handle_list(struct ps_handle *handle, ps_backend_each *each, void *context,
                   struct ps_error *err);

/* What fork does to the cache: no open is under way at a fork, and the child opens anew. */
void ps_handle_fork_prepare(void);
void ps_handle_fork_parent(void);
void ps_handle_fork_child(void);

#endif

/*
 * backend_registry.h: from the scheme of a URL to its backend
 *
 * Two backends are built in; the others are modules, loaded when a URL first
 * names them and kept for the life of the process.
 */
#ifndef PS_BACKEND_REGISTRY_H
#define PS_BACKEND_REGISTRY_H

#include <stdbool.h>

#include <ps/backend.h>

/*
 * ps_backend_find: the backend of the scheme of url, loaded if need be
 *
 * *out is valid for ever; members that the module is too old to have are
 * NULL. May call dlopen, so from an ordinary thread only. Thread-safe.
 * Errors: PS_E_INVALID (no scheme, or a wrapper without an inner URL),
 * PS_E_UNSUPPORTED (no such backend, or one that does not fit this libps).
 */
int ps_backend_find(const struct ps_backend **out, const char *url, struct ps_error *err);

/* ps_backend_may_be: is there one for each scheme of url? Loads nothing, on any thread. */
bool ps_backend_may_be(const char *url);

#endif

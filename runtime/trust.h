/* trust.h: may this proxy be resolved? See design: a proxy is untrusted input */
#ifndef PS_TRUST_H
#define PS_TRUST_H

#include <stdbool.h>

#include <ps/proxy.h>

#include "config.h"

/*
 * ps_trust_check: whether an object may be opened, and by which URI
 *
 * proxy_folder is the folder of the proxy file that names the object, or NULL
 * when the program gave the URI itself, which is its user's word. A proxy file
 * may name what lies in a configured store, below its own folder, or under an
 * allowed prefix. Wrappers such as "delay+" and options after '?' play no part
 * in that and stay in the result: a proxy can so make its object slow, or fail,
 * or look whether a file exists (fail.while). No option reads or writes anything
 * but the object; one that does must not be taken from a proxy.
 *
 * object gets the URI to open. Of a file, its folder is free of symbolic
 * links: the backend must follow none in it, nor a last component that is one,
 * else what was checked may be swapped for something else before the open.
 * What no path shows: a hard link below an allowed folder is the file itself.
 *
 * Errors: PS_E_REFUSED (with what to set), PS_E_NOT_FOUND (no such folder),
 * PS_E_INVALID, PS_E_NOMEM, PS_E_SYSTEM. Allocates; not for a signal handler.
 */
int ps_trust_check(const struct ps_config *config, const struct ps_proxy *proxy,
                   const char *proxy_folder, char *object, size_t size, struct ps_error *err);

/* A place that a prefix may cover. */
struct ps_place {
    const char *url; /* without wrappers */
    char *path;      /* of a file: canonical, decoded; else NULL */
};

/* ps_place_canonical: path without symbolic links, "." and ".."; free it. NULL: *error is the errno
 */
char *ps_place_canonical(const char *path, int *error);

/* ps_place_code: the enum ps_code for such an errno */
int ps_place_code(int error);

/*
 * ps_place_covered: does the place lie under the prefix, a URL, or is it the same?
 *
 * As the prefix is spelled. That says yes only where it is true, as a place
 * has no symbolic links; where the prefix has some, it may say no.
 */
bool ps_place_covered(const struct ps_place *place, const char *prefix);

/*
 * ps_place_configured: does it lie under an allowed prefix, or in a configured
 * store, the default one included?
 *
 * follow_links: the kernel is asked about each prefix; there may be thousands.
 */
bool ps_place_configured(const struct ps_place *place, const struct ps_config *config,
                         bool follow_links);

/* ps_place_recorded: the same by the configuration file alone, as it is spelled there */
bool ps_place_recorded(const struct ps_place *place, const struct ps_config *config);

/*
 * ps_trust_login: url with the user and password of the configured store that it lies in
 *
 * As it is, where no such store has a password, or url has one. config may be
 * NULL. Errors: PS_E_INVALID: does not fit.
 */
int ps_trust_login(char *out, size_t size, const struct ps_config *config, const char *url,
                   struct ps_error *err);

#endif

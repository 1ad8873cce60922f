/*
 * url.h: taking the URLs of stores and objects apart
 *
 * An object's URI is the URL of its store with the key, percent-encoded, as
 * the last component of the path: file:///store?direct=0 and key "a b" are
 * file:///store/a%20b?direct=0. Attributes ("#...") never reach these functions.
 * The services ps_url_option and ps_parse_size of <ps/backend.h> are here too.
 */
#ifndef PS_URL_H
#define PS_URL_H

#include <stddef.h>

#include <ps/backend.h>

/* ps_url_encode: percent-encode all but letters, digits and -._~ ; PS_E_INVALID: does not fit */
int ps_url_encode(char *out, size_t size, const char *text, struct ps_error *err);

/*
 * ps_url_decode: percent-decode length bytes of text, and close with NUL
 *
 * Errors: PS_E_INVALID for a malformed escape, for %00, and when it does not fit.
 */
int ps_url_decode(char *out, size_t size, const char *text, size_t length, struct ps_error *err);

/* ps_url_check_key: PS_E_INVALID for "", ".", ".." and for a key with a slash */
int ps_url_check_key(const char *key, struct ps_error *err);

/*
 * ps_url_split: the URI of an object into its store's URL and its key
 *
 * Options stay with the store's URL; the key is percent-decoded. Errors:
 * PS_E_INVALID, with what is wrong.
 */
int ps_url_split(const char *object, char *store_url, size_t url_size, char *key, size_t key_size,
                 struct ps_error *err);

/* ps_url_join: the inverse of ps_url_split; a slash that ends the URL is not doubled */
int ps_url_join(char *out, size_t size, const char *store_url, const char *key,
                struct ps_error *err);

/* ps_url_inner: url without the names of wrappers: "delay+fail+file:///x" gives "file:///x" */
const char *ps_url_inner(const char *url);

#endif

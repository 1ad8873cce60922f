/* file_url.h: paths to file URLs and back */
#ifndef PS_FILE_URL_H
#define PS_FILE_URL_H

#include <stdbool.h>
#include <stddef.h>

#include <ps/error.h>

/* ps_file_url: the URL of an absolute path; PS_E_INVALID: does not fit, or is not absolute */
int ps_file_url(char *out, size_t size, const char *path, struct ps_error *err);

/* ps_is_file_url: has url, whose wrappers are skipped already, the scheme "file"? */
bool ps_is_file_url(const char *url);

/*
 * ps_file_url_path: the path of such a URL, decoded, without options
 *
 * Errors: PS_E_INVALID for a URL that names a host, or a wrong encoding.
 */
int ps_file_url_path(char *out, size_t size, const char *url, struct ps_error *err);

/*
 * ps_file_url_replace: given with another path, an absolute one
 *
 * Wrappers before it and options behind it stay. Errors: PS_E_INVALID where it
 * does not fit.
 */
int ps_file_url_replace(char *out, size_t size, const char *given, const char *path,
                        struct ps_error *err);

#endif

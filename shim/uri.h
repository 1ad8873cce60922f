/*
 * uri.h: a URI as a path: h5dump redis://host/0/mesh
 *
 * Only names that the kernel does not have are looked at, so no file is ever
 * hidden by one, and programs that use none pay nothing. The call is made again
 * with the path of a proxy file, which does the rest as any other does.
 */
#ifndef PS_URI_H
#define PS_URI_H

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "preload.h"

/* ps_uri_may_be: for a path that gave ENOENT: is it worth the question? */
static inline bool ps_uri_may_be(const char *path)
{
    return strstr(path, ":/") != NULL;
}

/*
 * ps_uri_path: the path of the proxy file of a URI
 *
 * dir and path: as the call had them. Paths from which a program dropped a
 * slash, and those it put behind its own folder, are taken for what they were.
 * out has PATH_MAX bytes. 0, or the negative errno that the call fails with:
 * -ENOENT for what is no URI, and as ps_preload_uri.
 */
int ps_uri_path(char *out, int dir, const char *path, enum ps_uri_use use, const char *call);

#endif

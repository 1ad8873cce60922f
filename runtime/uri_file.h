/*
 * uri_file.h: the proxy file of a URI that a program uses as a path
 *
 * It lies in a folder of the user's own, /dev/shm/libps-uri-UID, else below
 * /tmp, one file for each URI. A real file, so that all that is asked of a proxy
 * file by its path (identity, locks, attributes) has an answer, and the same one
 * in all processes. It belongs to none of them: where there are many, those go
 * that nobody asked for in ten minutes.
 */
#ifndef PS_URI_FILE_H
#define PS_URI_FILE_H

#include <ps/proxy.h>

/*
 * ps_uri_file: ask the store about the object, and have its proxy file say what is there now
 *
 * path has PATH_MAX bytes. The object is subject to the rules of trust, as one
 * of any proxy file is. Runs on a worker. Errors: PS_E_NOT_FOUND, PS_E_REFUSED,
 * PS_E_INVALID (it can't be the URI of an object), and what a store gives.
 */
int ps_uri_file(char *path, const char *uri, struct ps_error *err);

/* --- how many there may be (uri_sweep.c) ---------------------------------------------- */

/* ps_uri_used: the open file is asked for: it will not go soon */
void ps_uri_used(int fd);

/* ps_uri_sweep: one more was made; path of the folder, in PATH_MAX bytes */
void ps_uri_sweep(const char *folder);

#endif

/*
 * proxy.h: text that names one object and how to reach it
 *
 * A proxy has two spellings, read by one parser:
 *   URI         file:///scratch/store/mesh-42#size=4096&version=...
 *   proxy file  exactly PS_PROXY_FILE_SIZE bytes: the magic line, then
 *               "key: value" lines, then padding
 * It never holds a secret.
 */
#ifndef PS_PROXY_H
#define PS_PROXY_H

#include <stddef.h>
#include <stdint.h>

#include <ps/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PS_PROXY_FILE_SIZE 4093

/* The first line of a proxy file. The NUL keeps shells from running the file. */
#define PS_PROXY_MAGIC      "%PSX 1\0\n"
#define PS_PROXY_MAGIC_SIZE 8

/* Sizes of the fields below, their closing NUL included. */
#define PS_URI_MAX        2048
#define PS_VERSION_MAX    128
#define PS_DIGEST_MAX     160
#define PS_STORE_NAME_MAX 64

/*
 * A plain value: copy it freely, nothing in it is owned. Fields that a proxy
 * does not give are empty strings.
 */
struct ps_proxy {
    char object[PS_URI_MAX];      /* URI of the object, without attributes */
    char version[PS_VERSION_MAX]; /* checked on every fetch, when given */
    char digest[PS_DIGEST_MAX];   /* "sha256:<hex>" of the whole object */
    char store[PS_STORE_NAME_MAX];
    uint64_t size;   /* of the object, in bytes; valid when has_size */
    uint64_t offset; /* where it begins in what is stored, in bytes */
    int has_size;
    int has_offset; /* the object is a part of what is stored; so it is too where offset is not 0 */
    char extra[1024]; /* lines whose keys this release does not know, kept as they came */
};

/*
 * ps_proxy_parse: read either spelling from length bytes of text
 *
 * text needs no closing NUL. A proxy file must give its size; a URI may leave
 * it to the store. Errors: PS_E_INVALID (with what is wrong and where),
 * PS_E_UNSUPPORTED (a format version of a later release). Thread-safe.
 */
PS_API int ps_proxy_parse(struct ps_proxy *out, const char *text, size_t length,
                          struct ps_error *err);

/*
 * ps_proxy_format: write the URI spelling, with a closing NUL
 *
 * Errors: PS_E_INVALID when it does not fit into size bytes.
 */
PS_API int ps_proxy_format(const struct ps_proxy *proxy, char *text, size_t size,
                           struct ps_error *err);

/* ps_proxy_format_file: write the proxy-file spelling, PS_PROXY_FILE_SIZE bytes, no closing NUL */
PS_API int ps_proxy_format_file(const struct ps_proxy *proxy, char *text, struct ps_error *err);

/*
 * ps_proxy_read: read a proxy file
 *
 * Errors: those of ps_proxy_parse; PS_E_NOT_FOUND; PS_E_INVALID for a file
 * that is no proxy file.
 */
PS_API int ps_proxy_read(struct ps_proxy *out, const char *path, struct ps_error *err);

/* ps_proxy_write: write a proxy file; readers see the old file or the new one, never half of one */
PS_API int ps_proxy_write(const struct ps_proxy *proxy, const char *path, struct ps_error *err);

#ifdef __cplusplus
}
#endif

#endif

/* digest.c: see digest.h */
#include "digest.h"

#include <string.h>
#include <strings.h>

#include "backend_registry.h"
#include "handle.h"
#include "pin.h"
#include "proxy_parse.h"

enum { HEX = 64 };

static const char algorithm[] = "sha256:";

/* Others are left to who made them. */
static bool is_known(const char *digest)
{
    const char *hex = digest + strlen(algorithm);

    return strncasecmp(digest, algorithm, strlen(algorithm)) == 0 && strlen(hex) == HEX &&
           strspn(hex, "0123456789abcdefABCDEF") == HEX;
}

void ps_digest_begin(struct ps_image *image)
{
    atomic_store(&image->digest_due, image->table != NULL && is_known(image->proxy->digest) &&
                                         !ps_proxy_is_part(image->proxy));
}

static int compare(const struct ps_image *image, const struct ps_arrived *arrived,
                   struct ps_error *err)
{
    const struct ps_backend *backend;
    struct ps_object_info info;
    void *handle;
    int result = ps_backend_open(&backend, &handle, "digest://", err);

    if (result < 0)
        return result;
    result = backend->put(handle, image->key, &arrived->content, &info, err);
    backend->close(handle);
    if (result < 0 || strcasecmp(info.version, image->proxy->digest) == 0)
        return result;
    /* or the next run would be given the same bytes */
    ps_handle_distrust(image->handle, image->key, &image->expected);
    return ps_error_set(err, PS_E_CORRUPT, 0, "its digest is %.71s, not %.71s", info.version,
                        image->proxy->digest);
}

int ps_digest_check(struct ps_image *image, const struct ps_arrival *last, struct ps_error *err)
{
    unsigned pin = ps_pin(image, 0, image->table->blocks);
    struct ps_arrived arrived;
    int result = 0;

    if (atomic_load(&image->table->unseen) == 0 &&
        ps_arrived(&arrived, image, last, 0, image->table->size)) {
        result = compare(image, &arrived, err);
        if (result == 0)
            atomic_store(&image->digest_due, false);
    }
    ps_unpin(image, pin);
    return result;
}

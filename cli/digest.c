/* digest.c: the digest of a file, or of an object: what digest:// says of it */
#include <string.h>

#include "psctl.h"

int make_digest(put_function *put, const char *from, char *digest, struct ps_error *err)
{
    struct ps_store *store;
    struct ps_proxy proxy;
    int result = ps_store_open(&store, "digest://", err);

    if (result < 0)
        return result;
    result = put(store, "digest", from, &proxy, err);
    ps_store_close(store);
    if (result == 0)
        snprintf(digest, PS_DIGEST_MAX, "%s", proxy.version);
    return result;
}

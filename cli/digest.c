/* digest.c: the digest of a file, or of an object: what digest:// says of it */
#include <string.h>
#include <strings.h>

#include "psctl.h"

int has_digest(const struct ps_proxy *proxy)
{
    return proxy->digest[0] != '\0' && !proxy->has_offset && proxy->offset == 0;
}

int knows_digest(const struct ps_proxy *proxy)
{
    return has_digest(proxy) && strncasecmp(proxy->digest, "sha256:", strlen("sha256:")) == 0;
}

int check_digest(const struct ps_proxy *proxy, const char *digest, struct ps_error *err)
{
    if (strcasecmp(digest, proxy->digest) == 0)
        return 0;
    return ps_error_set(err, PS_E_CORRUPT, 0, "its digest is %.71s, not %.71s", digest,
                        proxy->digest);
}

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

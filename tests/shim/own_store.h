/* own_store.h: a store of this run's own, with one object; for programs that link libps */
#ifndef OWN_STORE_H
#define OWN_STORE_H

#include "check.h"

#include <ps/ps.h>

/* An object of SMALL bytes under "key" of the store with that URL, which is allowed then. */
static inline void put_own(const char *url, struct ps_proxy *proxy)
{
    struct ps_error err = {0};
    struct ps_store *store = NULL;
    unsigned char *bytes = malloc(SMALL);

    CHECK(bytes != NULL);
    for (size_t i = 0; i < SMALL; i++)
        bytes[i] = byte_at(i);
    CHECK(setenv("PS_ALLOW", url, 1) == 0);
    if (ps_store_open(&store, url, &err) != 0 ||
        ps_store_put(store, "key", bytes, SMALL, proxy, &err) != 0)
        FAIL("%s", err.message);
    ps_store_close(store);
    free(bytes);
}

#endif

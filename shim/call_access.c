/* call_access.c: access and its kin, which ask whether a name is there; only of a URI the kernel
 * can't say */
#include <fcntl.h>
#include <unistd.h>

#include "hook.h"
#include "real.h"
#include "uri.h"

static int access_uri(int dir, const char *path, int mode, int flags)
{
    char proxy[PATH_MAX];
    int result = ps_uri_path(proxy, dir, path, mode & W_OK ? PS_URI_WRITE : PS_URI_ASK, "access");

    return result < 0 ? (int)ps_result(result) : REAL(faccessat)(AT_FDCWD, proxy, mode, flags);
}

/* result: of the kernel, asked by the call that the program made, which a filter may allow alone */
static int answer(int result, int saved, int dir, const char *path, int mode, int flags)
{
    if (result < 0 && errno == ENOENT && ps_uri_may_be(path))
        result = access_uri(dir, path, mode, flags);
    if (result == 0)
        errno = saved;
    return result;
}

HOOK(int, faccessat, (int dir, const char *path, int mode, int flags))
{
    int saved = errno;

    return answer(REAL(faccessat)(dir, path, mode, flags), saved, dir, path, mode, flags);
}

HOOK(int, access, (const char *path, int mode))
{
    int saved = errno;

    return answer(REAL(access)(path, mode), saved, AT_FDCWD, path, mode, 0);
}

HOOK(int, euidaccess, (const char *path, int mode))
{
    int saved = errno;

    return answer(REAL(euidaccess)(path, mode), saved, AT_FDCWD, path, mode, AT_EACCESS);
}
ALIAS(int, eaccess, euidaccess, (const char *, int));

/*
 * call_attribute.c: attributes and the file system of a view: those of its proxy file
 *
 * By path, they are the proxy file's anyway, but for URIs, which have no file of
 * that name; by descriptor, the image has none of its own, and says that it is
 * in memory.
 */
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/sys.h"
#include "hook.h"
#include "real.h"
#include "uri.h"
#include "view.h"

/* The kernel's result, of the proxy file if there is one; errno as after the call. */
#define OF_PROXY(type, fd, call)                                                                   \
    do {                                                                                           \
        int of = ps_view_is_plain(fd) ? -ENOENT : ps_view_proxy(fd);                               \
        type result;                                                                               \
                                                                                                   \
        if (of < 0) {                                                                              \
            of = fd;                                                                               \
            return call;                                                                           \
        }                                                                                          \
        result = call;                                                                             \
        sys_close(of);                                                                             \
        return result;                                                                             \
    } while (0)

HOOK(ssize_t, fgetxattr, (int fd, const char *name, void *value, size_t size))
{
    OF_PROXY(ssize_t, fd,
             ps_result(sys_call6(SYS_fgetxattr, of, (long)name, (long)value, (long)size, 0, 0)));
}

HOOK(ssize_t, flistxattr, (int fd, char *list, size_t size))
{
    OF_PROXY(ssize_t, fd, ps_result(sys_call3(SYS_flistxattr, of, list, size)));
}

HOOK(int, fstatfs, (int fd, struct statfs *system))
{
    OF_PROXY(int, fd, (int)ps_result(sys_call3(SYS_fstatfs, of, system, 0)));
}
ALIAS(int, fstatfs64, fstatfs, (int, struct statfs *));

HOOK(int, fstatvfs, (int fd, struct statvfs *system))
{
    OF_PROXY(int, fd, REAL(fstatvfs)(of, system));
}
ALIAS(int, fstatvfs64, fstatvfs, (int, struct statvfs *));

/* --- by path; ls and cp ask for these ----------------------------------------------------------
 */

struct attribute_call {
    long number, name, value, size; /* as they stand behind the path */
};

static long call_by_path(const struct attribute_call *call, const char *path)
{
    return sys_call6(call->number, (long)path, call->name, call->value, call->size, 0, 0);
}

static ssize_t by_path(const struct attribute_call *call, const char *path)
{
    char proxy[PATH_MAX];
    long result = call_by_path(call, path);

    if (result == -ENOENT && ps_uri_may_be(path)) {
        result = ps_uri_path(proxy, AT_FDCWD, path, PS_URI_ASK, "getxattr");
        if (result == 0)
            result = call_by_path(call, proxy);
    }
    return ps_result(result);
}

HOOK(ssize_t, getxattr, (const char *path, const char *name, void *value, size_t size))
{
    return by_path(&(struct attribute_call){SYS_getxattr, (long)name, (long)value, (long)size},
                   path);
}

HOOK(ssize_t, lgetxattr, (const char *path, const char *name, void *value, size_t size))
{
    return by_path(&(struct attribute_call){SYS_lgetxattr, (long)name, (long)value, (long)size},
                   path);
}

HOOK(ssize_t, listxattr, (const char *path, char *list, size_t size))
{
    return by_path(&(struct attribute_call){SYS_listxattr, (long)list, (long)size, 0}, path);
}

HOOK(ssize_t, llistxattr, (const char *path, char *list, size_t size))
{
    return by_path(&(struct attribute_call){SYS_llistxattr, (long)list, (long)size, 0}, path);
}

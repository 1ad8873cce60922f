/* module.c: see module.h */
#include "module.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

/*
 * The folder beside this library, as it was when the library was loaded: the
 * name that LD_PRELOAD gave may be relative, and the program may have changed
 * its working folder since; the loader's origin is absolute.
 */
static int beside_library(char *folder, size_t size, struct ps_error *err)
{
    char origin[2 * PATH_MAX]; /* a working folder and a name, each at most PATH_MAX */
    struct link_map *map = NULL;
    Dl_info info;
    int length;

    if (dladdr1((const void *)(uintptr_t)ps_module_path, &info, (void **)&map, RTLD_DL_LINKMAP) ==
            0 ||
        map == NULL || map->l_name[0] == '\0' /* the program itself has no origin */ ||
        dlinfo(map, RTLD_DI_ORIGIN, origin) != 0)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0,
                            "can't tell which folder libps was loaded from; set PS_BACKEND_PATH");
    length = snprintf(folder, size, "%s/libps", origin);
    if (length < 0 || (size_t)length >= size)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "path of libps is too long");
    return 0;
}

static int join_path(char *path, size_t size, const char *folder, const char *file,
                     struct ps_error *err)
{
    /* without a slash dlopen would search the library path; "./" keeps it to one folder */
    int length = snprintf(path, size, "%s%s/%s", folder[0] == '/' ? "" : "./", folder, file);

    if (length < 0 || (size_t)length >= size)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "path of %s is too long", file);
    return 0;
}

/* The user's own folder comes first; what came with libps is still there behind it. */
int ps_module_path(char *path, size_t size, const char *file, struct ps_error *err)
{
    char folder[PATH_MAX];
    const char *wanted = getauxval(AT_SECURE) ? NULL : getenv("PS_BACKEND_PATH");
    int result;

    if (wanted != NULL && wanted[0] != '\0') {
        result = join_path(path, size, wanted, file, err);
        if (result < 0 || access(path, F_OK) == 0)
            return result;
    }
    result = beside_library(folder, sizeof(folder), err);
    return result < 0 ? result : join_path(path, size, folder, file, err);
}

/* library.c: see library.h */
#include "library.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>

/*
 * As it was when the library was loaded: the name that LD_PRELOAD gave may be
 * relative, and the program may have changed its working folder since; the
 * loader's origin is absolute.
 */
int ps_library_folder(char *folder, size_t size, struct ps_error *err)
{
    char origin[2 * PATH_MAX]; /* a working folder and a name, each at most PATH_MAX */
    struct link_map *map = NULL;
    Dl_info info;
    int length;

    if (dladdr1((const void *)(uintptr_t)ps_library_folder, &info, (void **)&map,
                RTLD_DL_LINKMAP) == 0 ||
        map == NULL || map->l_name[0] == '\0' /* the program itself has no origin */ ||
        dlinfo(map, RTLD_DI_ORIGIN, origin) != 0)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0,
                            "can't tell which folder libps was loaded from; set PS_BACKEND_PATH");
    length = snprintf(folder, size, "%s/libps", origin);
    if (length < 0 || (size_t)length >= size)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "path of libps is too long");
    return 0;
}

/* run_learn.c: the folder in which it is noted what programs fetch */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "psctl.h"

/* make_folders: all of the path that is missing, for this user alone. 0, or an errno. */
static int make_folders(char *path)
{
    for (char *slash = path + 1;; *slash++ = '/') {
        int result;

        slash += strcspn(slash, "/");
        if (*slash == '\0')
            return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : errno;
        *slash = '\0';
        result = mkdir(path, 0700) == 0 || errno == EEXIST || errno == EROFS || errno == EACCES
                     ? 0
                     : errno;
        if (result != 0)
            return result;
    }
}

/* usual_folder: $XDG_CACHE_HOME/libps/learned, or ~/.cache/libps/learned; 0: there is neither */
static int usual_folder(char *path, size_t size)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length = 0;

    if (cache != NULL && cache[0] == '/')
        length = snprintf(path, size, "%s/libps/learned", cache);
    else if (home != NULL && home[0] == '/')
        length = snprintf(path, size, "%s/.cache/libps/learned", home);
    return length > 0 && (size_t)length < size;
}

int set_learn(void)
{
    const char *wanted = getenv("PS_LEARN");
    char path[PATH_MAX];
    struct stat status;
    int cause;

    if (wanted != NULL && wanted[0] == '/' && strlen(wanted) < sizeof(path))
        strcpy(path, wanted);
    else if (wanted != NULL && wanted[0] != '\0')
        return fail("PS_LEARN: \"%s\" is no absolute path", wanted);
    else if (!usual_folder(path, sizeof(path)))
        return fail("no home folder to learn into; PS_LEARN can name another");
    cause = make_folders(path);
    if (cause == 0 && (raw_stat(path, &status) < 0 || !S_ISDIR(status.st_mode)))
        cause = ENOTDIR;
    if (cause != 0)
        return fail("%s: %s", path, strerror(cause));
    if (status.st_uid != geteuid() || (status.st_mode & 077) != 0 || access(path, W_OK) < 0)
        return fail("%s is not this user's alone (chmod 700 makes it private)", path);
    return setenv("PS_LEARN", path, 1) == 0 ? STATUS_OK : fail("no memory");
}

/* uri_sweep.c: see uri_file.h */
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/dir.h"
#include "base/sys.h"
#include "uri_file.h"

enum { MOST = 4096 /* files */, FRESH = 60, OLD = 600 /* seconds */ };

struct sweep {
    char path[PATH_MAX]; /* of the folder that is looked at */
    unsigned count;      /* of files */
    time_t before;       /* what nobody asked for since then goes; 0: it is only counted */
};

static int visit(int dir, const char *name, void *argument)
{
    struct sweep *sweep = argument;
    size_t used = strlen(sweep->path);
    struct stat st;

    if (sys_fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (S_ISDIR(st.st_mode)) { /* of URIs that are too long for one name */
        snprintf(sweep->path + used, sizeof(sweep->path) - used, "/%s", name);
        ps_dir_each(sweep->path, visit, sweep);
        sweep->path[used] = '\0';
        if (st.st_mtime < sweep->before)
            sys_unlinkat(dir, name, AT_REMOVEDIR); /* if it is empty */
    } else if (st.st_atime < sweep->before) {
        sys_unlinkat(dir, name, 0);
    }
    return ++sweep->count > MOST && sweep->before == 0;
}

/* True: it was used last more than FRESH seconds ago, and now */
static bool use(int fd)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
    struct stat st;

    return sys_fstat(fd, &st) == 0 && st.st_atime < time(NULL) - FRESH &&
           sys_call6(SYS_utimensat, fd, 0, (long)times, 0, 0, 0) == 0;
}

/* Rarely, as it also changes the time of the file's change, at which some programs look. */
void ps_uri_used(int fd)
{
    use(fd);
}

/* Once in a minute, for all processes: there may be very many that are not old. */
static bool is_due(const char *folder)
{
    int fd = sys_openat(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    bool is = fd >= 0 && use(fd);

    if (fd >= 0)
        sys_close(fd);
    return is;
}

void ps_uri_sweep(const char *folder)
{
    struct sweep sweep = {.count = 0};

    if (!is_due(folder))
        return;
    strcpy(sweep.path, folder); /* both are PATH_MAX bytes */
    if (ps_dir_each(folder, visit, &sweep) <= 0)
        return;
    strcpy(sweep.path, folder); /* the look may have ended in one of its folders */
    sweep.before = time(NULL) - OLD;
    ps_dir_each(folder, visit, &sweep);
}

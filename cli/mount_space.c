/* mount_space.c: a mount namespace, and folders in it that are nowhere else; see mount.h */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "mount.h"
#include "psctl.h"

enum { COVERS_MAX = MOUNTS_MAX };

/* Folders that are covered by what was in them, still writable, for the next that is missing */
static char *covers[COVERS_MAX];
static int cover_count;
static char working_folder[PATH_MAX]; /* "" where no path leads to it */
static int has_users;                 /* a user namespace too */

/* --- the namespace ------------------------------------------------------------------- */

static int mount_it(const char *from, const char *at, const char *type, unsigned long flags,
                    const char *options)
{
    return mount(from, at, type, flags, options) == 0 ? 0 : -errno;
}

static int write_text(const char *path, const char *text)
{
    int fd = raw_open(path, O_WRONLY | O_CLOEXEC, 0);
    long put;

    if (fd < 0)
        return fd;
    put = raw_call(SYS_write, fd, (long)text, (long)strlen(text), 0, 0, 0);
    raw_call(SYS_close, fd, 0, 0, 0, 0, 0);
    return put < 0 ? (int)put : 0;
}

/* The user is the same there, with the same rights to files; others are shown as "nobody". */
static int map_self(uid_t user, gid_t group)
{
    char text[64];
    int result = write_text("/proc/self/setgroups", "deny");

    snprintf(text, sizeof(text), "%u %u 1", (unsigned)user, (unsigned)user);
    if (result == 0)
        result = write_text("/proc/self/uid_map", text);
    snprintf(text, sizeof(text), "%u %u 1", (unsigned)group, (unsigned)group);
    return result < 0 ? result : write_text("/proc/self/gid_map", text);
}

static void keep_working_folder(void)
{
    struct stat here, there;

    /* "." could be looked at only where it can be entered */
    if (getcwd(working_folder, sizeof(working_folder)) == NULL ||
        raw_call(SYS_newfstatat, AT_FDCWD, (long)"", (long)&here, AT_EMPTY_PATH, 0, 0) < 0 ||
        raw_stat(working_folder, &there) < 0 || here.st_dev != there.st_dev ||
        here.st_ino != there.st_ino)
        working_folder[0] = '\0';
}

int space_enter(void)
{
    uid_t user = geteuid();
    gid_t group = getegid();
    int result = 0;

    keep_working_folder();
    if (unshare(CLONE_NEWNS) != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            return -errno;
        result = map_self(user, group);
        has_users = 1;
    }
    return result < 0 ? result : mount_it(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
}

/* The program, which gets none of them, could not look at psctl, as for the counters. */
void space_leave(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};

    if (has_users && geteuid() != 0)
        raw_call(SYS_capset, (long)&header, (long)none, 0, 0, 0, 0);
}

static int mount_new(const char *path)
{
    return mount_it("libps", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
}

/* Who owns the folder that path is in may have put something else there meanwhile. */
static int is_new(int fd)
{
    struct statfs system;

    return raw_call(SYS_fstatfs, fd, (long)&system, 0, 0, 0, 0) == 0 &&
           system.f_type == TMPFS_MAGIC && system.f_files - system.f_ffree == 1;
}

int space_open(const char *path)
{
    int result = mount_new(path), fd;

    if (result < 0)
        return result;
    fd = raw_open(path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0 || is_new(fd))
        return fd;
    raw_call(SYS_close, fd, 0, 0, 0, 0, 0);
    return -ESTALE;
}

int space_close(const char *path)
{
    return mount_it(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV,
                    NULL);
}

/* --- a folder over another, with all that is in it ------------------------------------- */

static int copy_link(int old, const char *name, const char *to)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(old, name, target, sizeof(target) - 1);

    if (length < 0)
        return -errno;
    target[length] = '\0';
    return symlink(target, to) == 0 ? 0 : -errno;
}

static int make_place(const char *path, int is_folder)
{
    int result = is_folder ? (int)raw_call(SYS_mkdirat, AT_FDCWD, (long)path, 0755, 0, 0, 0)
                           : raw_open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (result >= 0 && !is_folder)
        raw_call(SYS_close, result, 0, 0, 0, 0, 0);
    return result < 0 ? result : 0;
}

/* One name of the old folder. What the user can't look at, as others' mounts, need not be seen. */
static int copy_name(int old, const char *name, const char *at)
{
    char from[PATH_MAX], to[PATH_MAX];
    struct stat st;
    int result;

    if (raw_call(SYS_newfstatat, old, (long)name, (long)&st, AT_SYMLINK_NOFOLLOW, 0, 0) < 0)
        return 0;
    if ((size_t)snprintf(from, sizeof(from), "/proc/self/fd/%d/%s", old, name) >= sizeof(from) ||
        (size_t)snprintf(to, sizeof(to), "%s/%s", at, name) >= sizeof(to))
        return -ENAMETOOLONG;
    if (S_ISLNK(st.st_mode))
        return copy_link(old, name, to);
    result = make_place(to, S_ISDIR(st.st_mode));
    return result < 0 ? result : mount_it(from, to, NULL, MS_BIND | MS_REC, NULL);
}

static int copy_names(int old, DIR *names, const char *at)
{
    const struct dirent *entry;
    int result = 0;

    while (result == 0 && (entry = readdir(names)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = copy_name(old, entry->d_name, at);
    return result;
}

/* The new folder, made at the first of two paths, is to be at the second. */
static int fill_cover(const char *at, const char *folder, int old)
{
    DIR *names = opendir(folder);
    int result;

    if (names == NULL)
        return -errno;
    result = mount_new(at);
    /* not in its own copy of the folder that it is in */
    if (result == 0)
        result = mount_it(NULL, at, NULL, MS_UNBINDABLE, NULL);
    if (result == 0)
        result = copy_names(old, names, at);
    if (result == 0)
        result = mount_it(NULL, at, NULL, MS_PRIVATE, NULL);
    closedir(names);
    return result;
}

/* "/" can't be mounted on: what is made elsewhere is moved there, and entered */
static int cover_root(int old)
{
    char place[] = "/tmp/psctl-XXXXXX";
    int result;

    if (mkdtemp(place) == NULL)
        return -errno;
    result = fill_cover(place, "/", old);
    if (result == 0 &&
        (chdir(place) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0))
        result = -errno;
    rmdir(place);
    return result;
}

static int cover(const char *folder)
{
    int old = raw_open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC, 0), result;

    if (old < 0)
        return old;
    if (cover_count == COVERS_MAX || (covers[cover_count] = strdup(folder)) == NULL)
        return -ENOMEM;
    result = strcmp(folder, "/") == 0 ? cover_root(old) : fill_cover(folder, folder, old);
    raw_call(SYS_close, old, 0, 0, 0, 0, 0);
    cover_count++;
    return result;
}

/* --- folders --------------------------------------------------------------------------- */

static int make_folder(const char *path)
{
    int result = make_place(path, 1);

    if (result == 0)
        made_add(path);
    return result == -EEXIST ? 0 : result;
}

/* path, up to a slash, that may not be made in the folder that it is in */
static int make_covered(char *path)
{
    char *slash = strrchr(path, '/');
    int result;

    *slash = '\0';
    result = cover(slash == path ? "/" : path);
    *slash = '/';
    return result < 0 ? result : make_folder(path);
}

int space_folder(const char *path)
{
    char copy[PATH_MAX];
    int result = 0;

    if (strlen(path) >= sizeof(copy))
        return -ENAMETOOLONG;
    strcpy(copy, path);
    for (char *end = copy + strspn(copy, "/"); result == 0 && *end != '\0';) {
        char *next = end + strcspn(end, "/"), kept = *next;

        *next = '\0';
        result = make_folder(copy);
        if (result == -EACCES || result == -EROFS || result == -EPERM)
            result = make_covered(copy);
        *next = kept;
        end = next + strspn(next, "/");
    }
    return result;
}

int space_settle(void)
{
    int result = 0;

    for (int i = 0; i < cover_count && result == 0; i++)
        result = space_close(covers[i]);
    return result;
}

/* Where nothing was covered it is the working folder still, if only by the names that it has. */
int space_return(void)
{
    return chdir(working_folder) == 0 || cover_count == 0 ? 0 : -errno;
}

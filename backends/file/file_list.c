/* file_list.c: which objects a folder has; see file_store.h */
#include "file_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* is_unfinished: ".<key>.<16 digits>.tmp", a put under way or what one left; see file_put.c */
static bool is_unfinished(const char *name)
{
    enum { DIGITS = 16, END = 1 + DIGITS + 4 };
    size_t length = strlen(name);
    const char *end = name + length - END;

    return name[0] == '.' && length > END && end[0] == '.' &&
           strspn(end + 1, "0123456789abcdef") == DIGITS && strcmp(end + 1 + DIGITS, ".tmp") == 0;
}

static int tell(const struct file_store *file, DIR *dir, const char *name, ps_backend_each *each,
                void *context, struct ps_error *err)
{
    struct ps_object_info info;
    struct stat st;

    if (is_unfinished(name) || ps_file_check_key(name, NULL) < 0)
        return 0;
    if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : ps_file_failed(err, errno, "listing", file, name);
    if (!S_ISREG(st.st_mode))
        return 0;
    ps_file_info(&info, &st);
    return each(context, name, &info);
}

static int tell_all(const struct file_store *file, DIR *dir, ps_backend_each *each, void *context,
                    struct ps_error *err)
{
    struct dirent *entry;
    int result = 0;

    while (result == 0) {
        errno = 0;
        entry = readdir(dir);
        if (entry == NULL)
            return errno == 0 ? 0 : ps_file_failed(err, errno, "listing", file, "");
        result = tell(file, dir, entry->d_name, each, context, err);
    }
    return result;
}

int ps_file_list(void *handle, ps_backend_each *each, void *context, struct ps_error *err)
{
    const struct file_store *file = handle;
    int fd = ps_file_open_at(AT_FDCWD, file->folder[0] ? file->folder : "/",
                             O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    int result;

    if (dir == NULL) {
        result = ps_file_failed(err, errno, "listing", file, "");
        if (fd >= 0)
            close(fd);
        return result;
    }
    result = tell_all(file, dir, each, context, err);
    closedir(dir);
    return result;
}

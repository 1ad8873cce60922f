/* uri_file.c: see uri_file.h */
#include "uri_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"
#include "object.h"

enum { PIECE = 200 /* of a URI in one name; they may have ten times as many characters */ };

static int make_folder(const char *path)
{
    return (int)sys_call3(SYS_mkdirat, AT_FDCWD, path, 0700);
}

/* Others may write beside it: what they put there in its place is not used. 0 or a negative errno
 */
static int make_own_folder(const char *path)
{
    struct stat st;
    int result = make_folder(path);

    if (result < 0 && result != -EEXIST)
        return result;
    result = sys_fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW);
    if (result < 0)
        return result;
    return S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 077) == 0 ? 0 : -EACCES;
}

static int find_folder(char *path, struct ps_error *err)
{
    static const char *const places[] = {"/dev/shm", "/tmp"};
    int result = 0;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(path, PATH_MAX, "%s/libps-uri-%u", places[i], (unsigned)geteuid());
        result = make_own_folder(path);
        if (result == 0)
            return 0;
    }
    return ps_error_set(err, PS_E_SYSTEM, -result, "no folder for proxy files of URIs: %s", path);
}

/*
 * The file of the URI, below the folder that is in path
 *
 * No two URIs get the same: "/" and "%" are written as %2F and %25, so that
 * "%psx" is in names of files only. The first pieces of a long one are folders,
 * none of which is short enough to be "..".
 */
static int add_name(char *path, const char *uri, struct ps_error *err)
{
    static const char suffix[] = "%psx";
    size_t used = strlen(path), piece = 0;

    path[used++] = '/';
    for (; *uri != '\0'; uri++) {
        size_t size = *uri == '/' || *uri == '%' ? 3 : 1;

        if (used + size + sizeof(suffix) >= PATH_MAX)
            return ps_error_set(err, PS_E_INVALID, ENAMETOOLONG, "URI is too long");
        if (piece >= PIECE) {
            path[used] = '\0';
            make_folder(path); /* where it can't be made the file can't, and says why */
            path[used++] = '/';
            piece = 0;
        }
        memcpy(path + used, *uri == '/' ? "%2F" : *uri == '%' ? "%25" : uri, size);
        used += size;
        piece += size;
    }
    memcpy(path + used, suffix, sizeof(suffix));
    return 0;
}

static bool says(const char *path, const char *text)
{
    char there[PS_PROXY_FILE_SIZE];
    int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOATIME, 0);
    bool same;

    if (fd < 0)
        return false;
    same = sys_pread(fd, there, sizeof(there), 0) == sizeof(there) &&
           memcmp(there, text, sizeof(there)) == 0;
    if (same)
        ps_uri_used(fd);
    sys_close(fd);
    return same;
}

/* As long as the object is the same the file is, too: its identity and times are asked for. */
static int write_file(const struct ps_proxy *proxy, const char *folder, const char *path,
                      struct ps_error *err)
{
    char text[PS_PROXY_FILE_SIZE];
    int result = ps_proxy_format_file(proxy, text, err);

    if (result < 0 || says(path, text))
        return result;
    result = ps_proxy_write(proxy, path, err);
    ps_uri_sweep(folder);
    return result;
}

int ps_uri_file(char *path, const char *uri, struct ps_error *err)
{
    char folder[PATH_MAX];
    struct ps_origin origin = {.folder = folder, .asks = true};
    struct ps_image *image;
    struct ps_proxy proxy;
    int result = ps_proxy_parse(&proxy, uri, strlen(uri), err);

    if (result == 0)
        result = find_folder(folder, err);
    if (result == 0)
        result = ps_object_open(&image, &proxy, &origin, NULL, err);
    if (result < 0)
        return result;
    strcpy(path, folder); /* both are PATH_MAX bytes */
    result = add_name(path, uri, err);
    if (result == 0)
        result = write_file(image->proxy, folder, path, err);
    ps_image_put(image);
    return result;
}

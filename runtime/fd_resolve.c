/* fd_resolve.c: all of what a descriptor shows, for who reads it without libps; see ps.h */
#include <ps/ps.h>

#include <errno.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "preload.h"

/* 1: fd shows no image; negative: it does, and its table can't be had */
static int find(struct ps_view *view, int fd, const struct stat *st)
{
    view->image = ps_image_find(st->st_dev, st->st_ino, 0);
    if (view->image != NULL)
        return 0;
    return S_ISREG(st->st_mode) && st->st_nlink == 0 ? ps_preload_attach(view, fd) : 1;
}

PS_API int ps_fd_resolve(int fd, struct ps_error *err)
{
    struct ps_view view;
    struct stat st;
    int result = sys_fstat(fd, &st);

    ps_error_clear(err);
    if (result < 0)
        return ps_error_set(err, PS_E_INVALID, -result, "%d is no descriptor", fd);
    result = find(&view, fd, &st);
    if (result > 0)
        return 0;
    if (result == 0) {
        if (!view.image->direct)
            result = ps_preload_unseen(view.image, "ps_fd_resolve", fd);
        ps_image_put(view.image);
    }
    return result == 0 ? 0
                       : ps_error_set(err, PS_E_UNAVAILABLE, -result,
                                      "the object of descriptor %d can't be had", fd);
}

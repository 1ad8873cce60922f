/* call_seek.c: lseek on an image: an object has no holes, whatever the image has */
#include <unistd.h>

#include "base/sys.h"
#include "hook.h"
#include "view.h"

static long seek_hole(int fd, const struct ps_view *view, off_t offset, int whence)
{
    uint64_t size = ps_image_size(view->image);

    if (offset < 0 || (uint64_t)offset >= size)
        return -ENXIO;
    return sys_lseek(fd, whence == SEEK_DATA ? offset : (off_t)size, SEEK_SET);
}

HOOK(off_t, lseek64, (int fd, off_t offset, int whence))
{
    bool holes = whence == SEEK_DATA || whence == SEEK_HOLE;
    struct ps_view view;
    long result;
    int image;

    /* of an image the kernel knows the rest; what is unknown may be a proxy file, with another end
     */
    if (ps_view_is_plain(fd) || (!holes && ps_view_remembered(fd) != PS_VIEW_UNKNOWN))
        return ps_result(sys_lseek(fd, offset, whence));
    image = ps_view_image(fd, &view);
    if (image <= 0)
        return ps_result(image < 0 ? image : sys_lseek(fd, offset, whence));
    result = holes ? seek_hole(fd, &view, offset, whence) : sys_lseek(fd, offset, whence);
    ps_image_put(view.image);
    return ps_result(result);
}
ALIAS(off_t, lseek, lseek64, (int, off_t, int));
ALIAS(off_t, __lseek, lseek64, (int, off_t, int));
ALIAS(off_t, llseek, lseek64, (int, off_t, int));

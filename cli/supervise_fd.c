/* supervise_fd.c: calls after which an object is read in ways that are not seen */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#include "psctl.h"
#include "supervise.h"

/* 0, or -EIO; another negative errno where the descriptor can't be looked at */
static int make_whole(const struct call *call, int fd)
{
    int copy = caller_fd(call, fd);
    struct image *image = copy < 0 ? NULL : image_of(copy);

    if (copy >= 0)
        raw_close(copy);
    return image != NULL ? image_whole(image) : copy < 0 ? copy : 0;
}

static void go_on_or_fail(const struct call *call, int result)
{
    if (result == -EIO)
        answer(call, -EIO);
    else
        caller_refused(call, result);
}

void answer_copied_0(struct call *call)
{
    go_on_or_fail(call, make_whole(call, (int)call->args[0]));
}

void answer_copied_1(struct call *call)
{
    go_on_or_fail(call, make_whole(call, (int)call->args[1]));
}

void answer_copied_4(struct call *call)
{
    go_on_or_fail(call, make_whole(call, (int)call->args[4]));
}

/* By another process: whose it is would have to be found out. */
void answer_taken(struct call *call)
{
    go_on_or_fail(call, images_whole());
}

void answer_moved(struct call *call)
{
    caller_moved();
    go_on(call);
}

/* --- messages -------------------------------------------------------------------------------- */

/* Descriptors that are sent get numbers that nobody sees here. */
static int look_at_message(const struct call *call, uint64_t at)
{
    struct msghdr message;
    int result = caller_read(call, &message, at, sizeof(message));

    if (result < 0 || message.msg_controllen == 0)
        return result;
    return images_whole();
}

void answer_sendmsg(struct call *call)
{
    go_on_or_fail(call, look_at_message(call, call->args[1]));
}

void answer_sendmmsg(struct call *call)
{
    uint64_t count = call->args[2] < IOV_MAX ? call->args[2] : IOV_MAX;
    int result = 0;

    for (uint64_t i = 0; i < count && result == 0; i++)
        result = look_at_message(call, call->args[1] + i * sizeof(struct mmsghdr));
    go_on_or_fail(call, result);
}

/* --- programs ----------------------------------------------------------------------------------
 */

static void look_at_program(const struct call *call, int dir, uint64_t path, bool is_fd)
{
    char text[PATH_MAX], link[64];
    int fd, result = caller_text(call, text, path);

    if (result < 0) {
        caller_refused(call, result);
        return;
    }
    fd = is_fd && text[0] == '\0' ? caller_fd(call, dir) : caller_path(call, dir, text, true, 0);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    if (fd >= 0 && is_other_processor(link)) {
        fail("can't run %s: it is a 32-bit program, or for another processor, and its calls could "
             "not be seen",
             text);
        answer(call, -EACCES);
    } else if (fd >= 0 && is_proxy_file(link)) {
        /* of the kernel's ENOEXEC a shell would make a script of the object */
        fail("can't run %s: it is a proxy, and the program that runs it is supervised", text);
        answer(call, -EACCES);
    } else {
        go_on(call);
    }
    if (fd >= 0)
        raw_close(fd);
}

void answer_execve(struct call *call)
{
    look_at_program(call, AT_FDCWD, call->args[0], false);
}

void answer_execveat(struct call *call)
{
    look_at_program(call, (int)call->args[0], call->args[1], (call->args[4] & AT_EMPTY_PATH) != 0);
}

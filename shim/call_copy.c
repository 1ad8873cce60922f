/* call_copy.c: copies that the kernel makes: sendfile, copy_file_range, splice */
#include <sys/mman.h>

#include "base/sys.h"
#include "hook.h"
#include "peek.h"
#include "read.h"

/*
 * These may copy less than asked, and callers loop: a bounded part at a time
 * keeps a copy of a large object from fetching it whole before the first byte
 * goes out.
 */
enum { PART = 8 << 20, PIECE = 64 << 10 };

struct copy {
    int in, out;
    off_t *in_offset; /* NULL: the descriptor's own */
    off_t *out_offset;
    size_t size;
    unsigned flags;
};

typedef long (*copier)(const struct copy *copy);

static long do_sendfile(const struct copy *copy)
{
    return sys_call6(SYS_sendfile, copy->out, copy->in, (long)copy->in_offset, (long)copy->size, 0,
                     0);
}

/* One piece by hand, from *in_offset; the kernel does it for files of one file system only. */
static long copy_piece(const struct copy *copy, void *bytes)
{
    size_t size = copy->size < PIECE ? copy->size : PIECE;
    ssize_t got = sys_pread(copy->in, bytes, size, (uint64_t)*copy->in_offset), put;

    if (got <= 0)
        return got;
    put = copy->out_offset == NULL
              ? sys_write(copy->out, bytes, (size_t)got)
              : sys_pwrite(copy->out, bytes, (size_t)got, (uint64_t)*copy->out_offset);
    if (put <= 0)
        return put;
    *copy->in_offset += put;
    if (copy->out_offset != NULL)
        *copy->out_offset += put;
    return put;
}

/* The program's files are on one file system; the image is not: that must make no difference. */
static long do_range(const struct copy *copy)
{
    struct copy rest = *copy;
    void *bytes;
    long done = sys_call6(SYS_copy_file_range, copy->in, (long)copy->in_offset, copy->out,
                          (long)copy->out_offset, (long)copy->size, copy->flags);
    long piece = 1;

    if (done != -EXDEV || copy->in_offset == NULL)
        return done;
    /* not on the stack, which may be a small thread's */
    bytes = sys_mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (is_sys_error(bytes))
        return -ENOMEM;
    for (done = 0; rest.size > 0 && piece > 0; done += piece > 0 ? piece : 0) {
        piece = copy_piece(&rest, bytes);
        rest.size -= piece > 0 ? (size_t)piece : 0;
    }
    sys_munmap(bytes, PIECE);
    return done > 0 ? done : piece;
}

static long do_splice(const struct copy *copy)
{
    return sys_call6(SYS_splice, copy->in, (long)copy->in_offset, copy->out, (long)copy->out_offset,
                     (long)copy->size, copy->flags);
}

static long copy_image(struct copy *copy, const struct ps_view *view, copier run, const char *call)
{
    struct ps_claim claim = {.fd = -1};
    off_t *caller_offset = copy->in_offset, offset;
    long result;

    if (copy->size > PART)
        copy->size = PART;
    if (caller_offset != NULL) {
        result = ps_peek(&offset, caller_offset, sizeof(offset));
        if (result < 0 || offset < 0)
            return result < 0 ? result : run(copy);
        claim.start = (uint64_t)offset;
        claim.size = copy->size;
    } else {
        result = ps_claim_begin(&claim, copy->in, copy->size, ps_image_size(view->image));
        if (result < 0)
            return result;
    }
    offset = (off_t)claim.start;
    copy->in_offset = &offset;
    result = ps_preload_begin(view, claim.start, claim.size, call, copy->in);
    if (result == 0) {
        result = run(copy);
        ps_preload_end(view->image);
    }
    if (caller_offset == NULL)
        ps_claim_end(&claim, result);
    else if (result > 0 && ps_poke(caller_offset, &offset, sizeof(offset)) < 0)
        result = -EFAULT;
    return result;
}

static long copy_view(struct copy *copy, copier run, const char *call)
{
    struct ps_view view;
    int image = ps_view_image(copy->in, &view);
    long result;

    if (image <= 0)
        return image < 0 ? image : run(copy);
    result = copy_image(copy, &view, run, call);
    ps_image_put(view.image);
    return result;
}

HOOK(ssize_t, sendfile64, (int out, int in, off_t *offset, size_t size))
{
    struct copy copy = {.in = in, .out = out, .in_offset = offset, .size = size};

    return ps_result(copy_view(&copy, do_sendfile, "sendfile"));
}
ALIAS(ssize_t, sendfile, sendfile64, (int, int, off_t *, size_t));

HOOK(ssize_t, copy_file_range,
     (int in, off_t *in_offset, int out, off_t *out_offset, size_t size, unsigned flags))
{
    struct copy copy = {in, out, in_offset, out_offset, size, flags};

    return ps_result(copy_view(&copy, do_range, "copy_file_range"));
}

HOOK(ssize_t, splice,
     (int in, off_t *in_offset, int out, off_t *out_offset, size_t size, unsigned flags))
{
    struct copy copy = {in, out, in_offset, out_offset, size, flags};

    return ps_result(copy_view(&copy, do_splice, "splice"));
}

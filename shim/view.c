/* view.c: see view.h */
#include "view.h"

#include <errno.h>

#include "base/guard.h"
#include "base/hold.h"
#include "base/sys.h"
#include "file_lock.h"
#include "peek.h"
#include "queue.h"
#include "stdio_slots.h"

_Atomic uint32_t ps_views[PS_VIEWS];

static uint32_t word_of(int fd)
{
    return (unsigned)fd < PS_VIEWS ? atomic_load_explicit(&ps_views[fd], memory_order_relaxed)
                                   : PS_VIEW_UNKNOWN;
}

/* The word of fd becomes that, unless somebody changed it meanwhile. */
static void change(int fd, uint32_t before, uint32_t word)
{
    atomic_compare_exchange_strong_explicit(&ps_views[fd], &before, word, memory_order_relaxed,
                                            memory_order_relaxed);
}

static uint32_t with_kind(uint32_t word, enum ps_view_kind kind)
{
    return (word & ~UINT32_C(3)) | kind;
}

/*
 * Is the word that of a vforked child's parent, and to be left?
 *
 * The child puts other files where its parent has views, and the parent would
 * believe it, or no longer know by which proxy file it has them. So a view
 * stays; but what is remembered as direct is checked from now on, as the child
 * would believe that.
 */
static bool is_parents(int fd, enum ps_view_kind kind)
{
    bool checked = kind == PS_VIEW_UNKNOWN || kind == PS_VIEW_IMAGE;
    uint32_t word = word_of(fd);

    if ((checked && (word & 3) < PS_VIEW_IMAGE) || ps_fork_at_home())
        return false;
    if (checked && (word & 3) == PS_VIEW_DIRECT)
        change(fd, word, with_kind(word, PS_VIEW_IMAGE));
    return true;
}

/*
 * kind in bits 0-1; of a view, the index of the image in 2-15, the advice in
 * 16-17 and the index of the name from 18 on; of what is unknown, when it was
 * forgotten, so that no two such words are the same: see found_plain.
 */
static void set(int fd, enum ps_view_kind kind, const struct ps_view *view)
{
    static _Atomic uint32_t forgotten;
    uint32_t word = kind;

    if ((unsigned)fd >= PS_VIEWS || is_parents(fd, kind))
        return;
    if (view != NULL)
        word |= ps_image_index(view->image) << 2 | (uint32_t)view->advice << 16 | view->name << 18;
    else if (kind == PS_VIEW_UNKNOWN)
        word |= (atomic_fetch_add_explicit(&forgotten, 1, memory_order_relaxed) + 1) << 2;
    atomic_store_explicit(&ps_views[fd], word, memory_order_relaxed);
}

void ps_view_advise(int fd, enum ps_advice advice)
{
    uint32_t word = word_of(fd);

    /* once: who changes the word meanwhile has something else there, or advises too */
    if ((word & 3) == PS_VIEW_IMAGE)
        change(fd, word, (word & ~(UINT32_C(3) << 16)) | (uint32_t)advice << 16);
}

struct ps_doubt ps_view_doubt(int fd)
{
    struct ps_doubt doubt = {.before = word_of(fd)};

    set(fd, PS_VIEW_UNKNOWN, NULL);
    doubt.during = word_of(fd);
    return doubt;
}

void ps_view_same(int fd, struct ps_doubt doubt)
{
    if ((unsigned)fd < PS_VIEWS)
        change(fd, doubt.during, doubt.before);
}

void ps_view_forget(int fd)
{
    ps_file_lock_closed(fd);
    set(fd, PS_VIEW_UNKNOWN, NULL);
}

void ps_view_copied(int from, int to)
{
    uint32_t word = word_of(from);

    ps_release_hold_off();
    if ((word & 3) == PS_VIEW_UNKNOWN || !ps_fork_at_home())
        ps_view_forget(to);
    else if ((unsigned)to < PS_VIEWS)
        atomic_store_explicit(&ps_views[to], word, memory_order_relaxed);
    ps_file_lock_copied(from, to);
}

/*
 * fd was plain when the kernel was asked, after the word was read
 *
 * Since then another thread may have put an image there (an open that was just
 * at its proxy file), or closed it and got another. Then the word is another.
 */
static int found_plain(int fd, uint32_t word)
{
    if ((unsigned)fd < PS_VIEWS && ps_fork_at_home())
        change(fd, word, PS_VIEW_PLAIN);
    return PS_VIEW_PLAIN;
}

/* fd shows this from now on; 0 or a negative errno */
static int show(int fd, const struct ps_view *view, const char *call)
{
    int result = 0;

    if (!view->image->direct) {
        ps_stdio_patch();
        if (ps_queue_has_ring())
            result = ps_preload_all(view->image, call, fd);
    }
    if (result == 0)
        set(fd, view->image->direct ? PS_VIEW_DIRECT : PS_VIEW_IMAGE, view);
    return result;
}

/* The flags that a descriptor was opened with, or a negative errno */
static int flags_of(int fd)
{
    int flags = sys_fcntl(fd, F_GETFL, 0), closed = sys_fcntl(fd, F_GETFD, 0);

    if (flags < 0 || closed < 0)
        return -EBADF;
    return closed & FD_CLOEXEC ? flags | O_CLOEXEC : flags;
}

bool ps_view_may_be_given(int fd, const struct stat *st)
{
    int flags;

    if (!S_ISREG(st->st_mode) || st->st_nlink == 0 || st->st_size != PS_PROXY_FILE_SIZE ||
        ps_view_remembered(fd) != PS_VIEW_UNKNOWN || ps_guard_held())
        return false;
    flags = sys_fcntl(fd, F_GETFL, 0);
    return flags >= 0 && (flags & (O_ACCMODE | O_PATH)) == O_RDONLY &&
           sys_lseek(fd, 0, SEEK_CUR) == 0;
}

static int find_unlinked(int fd, uint32_t word, const struct stat *st, struct ps_view *view)
{
    int result;

    ps_file_lock_meet(fd);
    view->name = 0;
    view->advice = PS_ADVICE_NORMAL;
    view->image = ps_image_find(st->st_dev, st->st_ino, 0);
    result = view->image != NULL ? 0 : ps_preload_attach(view, fd);
    if (result > 0)
        return found_plain(fd, word);
    if (result == 0) {
        result = show(fd, view, "a first use");
        if (result == 0)
            return view->image->direct ? PS_VIEW_DIRECT : PS_VIEW_IMAGE;
        ps_image_put(view->image);
    }
    return result;
}

/* reads: a proxy file that was given to the program becomes its object before it is read */
static int find_out(int fd, struct ps_view *view, bool reads)
{
    uint32_t word = word_of(fd);
    struct stat st, again;
    int result;

    if (sys_fstat(fd, &st) < 0)
        return PS_VIEW_PLAIN;
    if (S_ISREG(st.st_mode) && st.st_nlink == 0)
        return find_unlinked(fd, word, &st, view);
    if (!ps_view_may_be_given(fd, &st))
        return found_plain(fd, word);
    if (!reads)
        return PS_VIEW_PLAIN;
    result = ps_preload_swap(view, fd, &st, flags_of(fd), "a read", "inherited descriptor");
    if (result == PS_SWAP_NO) {
        /* no proxy; or another thread, which reads it too, was faster */
        if (sys_fstat(fd, &again) == 0 && again.st_ino != st.st_ino)
            return find_out(fd, view, false);
        return found_plain(fd, word);
    }
    if (result < 0)
        return result;
    result = show(fd, view, "a read");
    if (result == 0)
        return view->image->direct ? PS_VIEW_DIRECT : PS_VIEW_IMAGE;
    ps_image_put(view->image);
    return result;
}

/* What is remembered of the view fd, of whose file this is the identity; 0: it shows another */
static int find_known(int fd, uint32_t word, const struct stat *st, struct ps_view *view)
{
    uint32_t index = word >> 2 & (PS_IMAGES_MAX - 1);

    view->image = ps_image_find(st->st_dev, st->st_ino, index);
    if (view->image == NULL)
        return 0;
    if (ps_image_index(view->image) != index)
        word = PS_VIEW_UNKNOWN; /* it is of another object: a vforked child's, or its parent's */
    view->name = word >> 18;
    view->advice = (enum ps_advice)(word >> 16 & 3);
    if (view->image->direct && (word & 3) == PS_VIEW_IMAGE && ps_fork_at_home())
        change(fd, word, with_kind(word, PS_VIEW_DIRECT)); /* as a vforked child found it */
    return view->image->direct ? PS_VIEW_DIRECT : PS_VIEW_IMAGE;
}

static int get(int fd, struct ps_view *view, bool reads)
{
    uint32_t word = word_of(fd);
    struct stat st;
    int known;

    if (ps_guard_held() || fd < 0 || (word & 3) == PS_VIEW_PLAIN)
        return PS_VIEW_PLAIN;
    if ((word & 3) != PS_VIEW_UNKNOWN) {
        if (sys_fstat(fd, &st) < 0)
            return PS_VIEW_PLAIN;
        known = find_known(fd, word, &st, view);
        if (known != 0)
            return known;
    }
    return find_out(fd, view, reads);
}

int ps_view_get(int fd, struct ps_view *view)
{
    return get(fd, view, false);
}

int ps_view_image(int fd, struct ps_view *view)
{
    int kind;

    if (ps_view_reads_itself(fd))
        return 0;
    kind = get(fd, view, true);
    if (kind == PS_VIEW_DIRECT)
        ps_image_put(view->image);
    return kind < 0 ? kind : kind == PS_VIEW_IMAGE;
}

/* Somebody opened /proc/self/fd/N or /dev/stdin of an image: never for writing. */
static int opened_unlinked(int fd, int flags)
{
    struct ps_view view;
    int kind;

    ps_view_forget(fd);
    kind = ps_view_get(fd, &view);
    if (kind <= PS_VIEW_PLAIN)
        return kind < 0 ? kind : 0;
    ps_image_put(view.image);
    return (flags & O_ACCMODE) == O_RDONLY ? 0 : -EROFS;
}

/* Paths that may lead to what a descriptor shows */
static bool may_be_link(const char *path)
{
    static const char *const starts[] = {"/proc/", "/dev/fd/", "/dev/std"};
    char start[8];

    if (ps_peek(start, path, sizeof(start)) < 0)
        return false; /* too short for any of them, or the kernel's to refuse */
    for (int i = 0; i < 3; i++)
        if (memcmp(start, starts[i], i == 0 ? 6 : sizeof(start)) == 0)
            return true;
    return false;
}

int ps_view_may_open(int dir, const char *path, int flags)
{
    struct ps_image *image = NULL;
    struct stat st;
    int fd;

    if (ps_images == NULL || ps_guard_held() || (flags & O_PATH) ||
        ((flags & O_ACCMODE) == O_RDONLY && !(flags & O_TRUNC)) || !may_be_link(path))
        return 0;
    fd = sys_openat(dir, path, O_PATH | O_CLOEXEC | (flags & O_NOFOLLOW), 0);
    if (fd < 0)
        return 0;
    if (sys_fstat(fd, &st) == 0)
        image = ps_image_find(st.st_dev, st.st_ino, 0);
    sys_close(fd);
    if (image == NULL)
        return 0;
    ps_image_put(image);
    return -EROFS;
}

int ps_view_opened(int fd, int flags, const char *call, const char *path, bool *image)
{
    struct ps_view view;
    struct stat st;
    int result;

    if (image != NULL)
        *image = false;
    if (ps_guard_held())
        return 0;
    if (flags & O_PATH || sys_fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        set(fd, PS_VIEW_PLAIN, NULL);
        return 0;
    }
    if (st.st_nlink == 0) {
        result = opened_unlinked(fd, flags);
        if (result == 0 && image != NULL)
            *image = !ps_view_is_plain(fd);
        return result;
    }
    set(fd, PS_VIEW_PLAIN, NULL);
    if (st.st_size != PS_PROXY_FILE_SIZE)
        return 0;
    result = ps_preload_swap(&view, fd, &st, flags, call, path);
    if (result <= 0)
        return result;
    result = show(fd, &view, call);
    if (image != NULL)
        *image = !view.image->direct;
    ps_release_hold_off();
    ps_image_put(view.image);
    return result;
}

int ps_view_name(int fd, struct stat *st)
{
    const struct ps_image_name *name;
    struct ps_view view;
    int known;

    if (ps_view_is_plain(fd) || ps_view_get(fd, &view) <= PS_VIEW_PLAIN)
        return -ENOENT;
    name = ps_image_name_at(view.image, view.name);
    known = name != NULL && name->path != NULL;
    if (known)
        *st = name->st;
    ps_image_put(view.image);
    return known;
}

int ps_view_proxy(int fd)
{
    struct ps_view view;
    const struct ps_image_name *name;
    struct stat st;
    int file = -ENOENT;

    if (ps_view_is_plain(fd) || ps_view_get(fd, &view) <= PS_VIEW_PLAIN)
        return -ENOENT;
    name = ps_image_name_at(view.image, view.name);
    if (name != NULL && name->path != NULL)
        file = sys_openat(AT_FDCWD, name->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
    if (file >= 0 && (sys_fstat(file, &st) < 0 || st.st_ino != name->st.st_ino ||
                      st.st_dev != name->st.st_dev)) {
        sys_close(file);
        file = -ENOENT;
    }
    ps_image_put(view.image);
    return file < 0 ? -ENOENT : file;
}

/* locker_mark.c: see locker_mark.h */
#include "locker_mark.h"

#include <fcntl.h>
#include <string.h>

#include "base/dir.h"
#include "base/hold.h"
#include "base/sys.h"
#include "base/text.h"
#include "view.h"

/* The start of a mark, and where its parts are in it; its length is 1 and a part of the inode. */
static const uint64_t base = UINT64_C(1) << 60;
enum { KIND_AT = 50, NUMBER_AT = 25, INODE_BITS = 24 };

/* A locker's own offset, behind the end of every proxy file */
static off_t offset_of(enum ps_locker kind)
{
    return PS_PROXY_FILE_SIZE + 4 + (off_t)kind;
}

static uint64_t part_of(const struct stat *st)
{
    return st->st_ino & ((1U << INODE_BITS) - 1);
}

void ps_locker_mark(int fd, enum ps_locker kind, int locker)
{
    uint64_t start = base | (uint64_t)kind << KIND_AT;
    struct flock lock = {.l_type = F_UNLCK, .l_start = (off_t)start, .l_len = 1LL << KIND_AT};
    struct stat st;

    /* on the object's own file, which a store handed out, others would see it */
    if (sys_fstat(fd, &st) < 0 || st.st_nlink != 0)
        return;
    sys_fcntl(fd, F_OFD_SETLK, (long)&lock);
    if (sys_fstat(locker, &st) < 0 || sys_lseek(locker, offset_of(kind), SEEK_SET) < 0)
        return;
    lock.l_type = F_RDLCK;
    lock.l_start = (off_t)(start | (uint64_t)locker << NUMBER_AT);
    lock.l_len = (off_t)(1 + part_of(&st));
    sys_fcntl(fd, F_OFD_SETLK, (long)&lock);
}

static bool is_locker(int fd, enum ps_locker kind, uint64_t inode_part)
{
    struct stat st;

    return sys_fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == PS_PROXY_FILE_SIZE &&
           part_of(&st) == inode_part && sys_lseek(fd, 0, SEEK_CUR) == offset_of(kind) &&
           (sys_fcntl(fd, F_GETFL, 0) & O_ACCMODE) == O_RDONLY;
}

/* --- reading them: "lock: 1: OFDLCK ADVISORY READ -1 00:01:1234 START END" ---------------------
 */

/* The number that ends before *end, which goes to its first digit; 0: none */
static uint64_t number_before(const char *start, const char **end)
{
    uint64_t number = 0, digit = 1;
    const char *at = *end;

    for (; at > start && at[-1] >= '0' && at[-1] <= '9'; at--, digit *= 10)
        number += digit * (uint64_t)(at[-1] - '0');
    *end = at;
    return number;
}

struct visitor {
    ps_locker_visit *visit;
    void *argument;
};

/* Other than 0 of visit is the result. */
static int read_mark(const char *line, const char *end, int fd, const struct visitor *visitor)
{
    uint64_t last = number_before(line, &end), first;
    enum ps_locker kind;
    int locker;

    if (end == line || *--end != ' ')
        return 0;
    first = number_before(line, &end);
    kind = first >> KIND_AT & 1 ? PS_LOCKER_PROCESS : PS_LOCKER_OPEN;
    locker = (int)(first >> NUMBER_AT & (PS_VIEWS - 1));
    if (last < first || first >> KIND_AT != (base >> KIND_AT | kind) ||
        !is_locker(locker, kind, last - first))
        return 0;
    return visitor->visit(fd, kind, locker, visitor->argument);
}

static int read_marks(int dir, const char *name, int fd, const struct visitor *visitor)
{
    char text[1024];
    int file = sys_openat(dir, name, O_RDONLY | O_CLOEXEC, 0), result = 0;
    ssize_t got = file < 0 ? 0 : sys_pread(file, text, sizeof(text), 0);
    const char *at = text, *end;

    if (file >= 0)
        sys_close(file);
    for (; result == 0 && got > 0 && (end = memchr(at, '\n', (size_t)(text + got - at))) != NULL;
         at = end + 1)
        if (memmem(at, (size_t)(end - at), "OFDLCK", 6) != NULL)
            result = read_mark(at, end, fd, visitor);
    return result;
}

static int visit_info(int dir, const char *name, void *argument)
{
    return read_marks(dir, name, ps_text_to_number(name), argument);
}

void ps_locker_marks(ps_locker_visit *visit, void *argument)
{
    ps_dir_each("/proc/thread-self/fdinfo", visit_info, &(struct visitor){visit, argument});
}

struct wanted {
    enum ps_locker kind;
    int locker; /* -1: any */
};

static int is_wanted(int fd, enum ps_locker kind, int locker, void *argument)
{
    const struct wanted *wanted = argument;

    (void)fd;
    return kind == wanted->kind && (wanted->locker < 0 || locker == wanted->locker);
}

bool ps_locker_is_marked(int fd, enum ps_locker kind, int locker)
{
    struct wanted wanted = {kind, locker};
    char path[PS_FD_PATH];
    struct ps_text text = ps_text_begin(path, sizeof(path));

    ps_text_add(&text, "/proc/thread-self/fdinfo/");
    ps_text_number(&text, (uint64_t)fd);
    return read_marks(AT_FDCWD, path, fd, &(struct visitor){is_wanted, &wanted}) > 0;
}

void ps_locker_lend(int fd)
{
    int locker;

    if (ps_locker_is_marked(fd, PS_LOCKER_OPEN, -1))
        return; /* its parent's */
    locker = ps_view_proxy(fd);
    if (locker >= 0)
        locker = ps_hold_lend(locker);
    if (locker >= 0)
        ps_locker_mark(fd, PS_LOCKER_OPEN, locker);
}

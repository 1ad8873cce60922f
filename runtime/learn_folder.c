/* learn_folder.c: see learn_folder.h */
#include "learn_folder.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/sys.h"

enum { NAME = 16 /* digits */, LOOKS = 16 /* one for so many new files */ };

#define FOLDER_MAX (UINT64_C(64) << 20)

/* What is in the folder: to be removed is what was last written up to a time. */
struct notes {
    uint64_t count, bytes;
    uint64_t seconds; /* of all their times */
    int64_t until;
};

static bool is_note(int dir, const char *name, struct stat *st)
{
    return strlen(name) == NAME && strspn(name, "0123456789abcdef") == NAME &&
           sys_fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st->st_mode);
}

static int add(int dir, const char *name, void *argument)
{
    struct notes *notes = argument;
    struct stat st;

    if (!is_note(dir, name, &st))
        return 0;
    notes->count++;
    notes->seconds += (uint64_t)st.st_mtime;
    notes->bytes += (uint64_t)st.st_blocks * 512;
    return 0;
}

static int remove_old(int dir, const char *name, void *argument)
{
    const struct notes *notes = argument;
    struct stat st;

    if (is_note(dir, name, &st) && st.st_mtime <= notes->until)
        sys_unlinkat(dir, name, 0);
    return 0;
}

/* The older half, about: those from before the mean of their times. */
static void make_room(int dir)
{
    struct notes notes = {0};
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
    if (ps_dir_each(path, add, &notes) < 0 || notes.bytes <= FOLDER_MAX)
        return;
    notes.until = (int64_t)(notes.seconds / notes.count);
    ps_dir_each(path, remove_old, &notes);
}

static bool is_private(const struct stat *st)
{
    return st->st_uid == geteuid() && (st->st_mode & 077) == 0;
}

static int open_file(int dir, const char *name, struct stat *st)
{
    const int flags = O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = sys_openat(dir, name, flags, 0600);

    if (fd < 0)
        return fd;
    if (sys_fstat(fd, st) < 0 || !S_ISREG(st->st_mode) || !is_private(st) || st->st_nlink != 1) {
        sys_close(fd);
        return -1;
    }
    /* a line was written in part: which, nobody knows */
    if (st->st_size % (off_t)sizeof(struct ps_note) != 0 && sys_ftruncate(fd, 0) == 0)
        st->st_size = 0;
    return fd;
}

/* The folder, or a negative code */
static int open_folder(const char *folder, struct ps_error *err)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int dir = sys_openat(AT_FDCWD, folder, flags, 0);
    struct stat st;

    if (dir < 0)
        return ps_error_set(err, PS_E_SYSTEM, -dir, "nothing can be learned");
    if (sys_fstat(dir, &st) == 0 && is_private(&st))
        return dir;
    sys_close(dir);
    return ps_error_set(err, PS_E_INVALID, 0,
                        "nothing can be learned: it is not this user's alone "
                        "(chmod 700 makes it private)");
}

int ps_learn_file(const char *folder, uint64_t name, struct stat *st, struct ps_error *err)
{
    int dir = open_folder(folder, err), fd;
    char text[NAME + 1];

    if (dir < 0)
        return dir;
    snprintf(text, sizeof(text), "%016llx", (unsigned long long)name);
    fd = open_file(dir, text, st);
    /* names are hashes: as good as a draw */
    if (fd >= 0 && st->st_size == 0 && name % LOOKS == 0)
        make_room(dir);
    sys_close(dir);
    return fd;
}

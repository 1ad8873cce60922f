/* join.c: see join.h */
#include "join.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "base/hold.h"
#include "base/lock.h"
#include "base/sys.h"
#include "base/text.h"

/*
 * A lock on one byte. It belongs to an open file: one of the process (F_SETLK)
 * would go when the program closes any descriptor of the table.
 */
static int lock_byte(int fd, int how, short type, unsigned byte)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};
    int result;

    do
        result = sys_fcntl(fd, how, (long)&lock);
    while (result == -EINTR);
    return result < 0 ? result : lock.l_type;
}

/* Byte 0 is for all, and number n is byte n. */
static unsigned find_number(const struct ps_image *image, bool clean)
{
    struct ps_table *table = image->table;
    unsigned begin = (unsigned)sys_getpid(), number;

    for (unsigned i = 0; i < PS_OWNERS - 1; i++) {
        number = 1 + (begin + i) % (PS_OWNERS - 1);
        if ((clean && atomic_load(&table->loading[number]) != 0) ||
            lock_byte(image->user_fd, F_OFD_SETLK, F_WRLCK, number) < 0)
            continue;
        /* with the lock: its last user may have left some since */
        if (!clean)
            ps_table_set(table, 0, table->blocks, number, PS_BLOCK_ABSENT);
        else if (atomic_load(&table->loading[number]) != 0) {
            lock_byte(image->user_fd, F_OFD_SETLK, F_UNLCK, number);
            continue;
        }
        atomic_store(&table->loading[number], 0);
        return number;
    }
    return 0;
}

/*
 * Blocks that a dead process left under a number would be taken for ours. Only
 * where all numbers are so, one of them is cleaned: tables are long.
 */
static unsigned take_number(const struct ps_image *image)
{
    unsigned number = find_number(image, true);

    return number != 0 ? number : find_number(image, false);
}

/*
 * Nobody would see that we are here: then nobody may ever believe to be alone.
 * An eviction that began before looks no more; wait for its end, or for as long
 * as one that was killed is given.
 */
static void stay_unseen(struct ps_table *table)
{
    /* unseen first, then evicting; ps_image_claim does it the other way round */
    atomic_store(&table->unseen, 1);
    if (atomic_load(&table->evicting) != 0)
        ps_wait(&table->evicting, 1, PS_LEASE_MS, true);
}

int ps_image_join(struct ps_image *image)
{
    char path[PS_FD_PATH];
    int fd = sys_openat(AT_FDCWD, ps_fd_path(path, image->table_fd), O_RDWR | O_CLOEXEC, 0);
    int result;

    ps_unhold(image->user_fd); /* in the child of a fork: the parent's */
    image->user_fd = fd < 0 ? fd : ps_hold(fd, false);
    image->owner = 0;
    result =
        image->user_fd < 0 ? image->user_fd : lock_byte(image->user_fd, F_OFD_SETLKW, F_RDLCK, 0);
    if (result >= 0) {
        image->owner = take_number(image);
        return 0;
    }
    stay_unseen(image->table);
    return result;
}

bool ps_image_claim(const struct ps_image *image)
{
    /* without a number, what is dropped could not be told from what a dead process left */
    if (image->owner == 0 || lock_byte(image->user_fd, F_OFD_SETLK, F_WRLCK, 0) < 0)
        return false;
    atomic_store(&image->table->evicting, 1);
    if (atomic_load(&image->table->unseen) == 0)
        return true;
    ps_image_share(image);
    return false;
}

void ps_image_share(const struct ps_image *image)
{
    atomic_store(&image->table->evicting, 0);
    ps_wake(&image->table->evicting, INT_MAX, true);
    if (lock_byte(image->user_fd, F_OFD_SETLK, F_RDLCK, 0) >= 0)
        return;
    /* the kernel has no memory for it: others would wait for ever, so rather be here unseen */
    atomic_store(&image->table->unseen, 1);
    lock_byte(image->user_fd, F_OFD_SETLK, F_UNLCK, 0);
}

bool ps_image_left(const struct ps_image *image, unsigned owner)
{
    return owner != 0 && owner != image->owner && image->user_fd >= 0 &&
           lock_byte(image->user_fd, F_OFD_GETLK, F_WRLCK, owner) == F_UNLCK;
}

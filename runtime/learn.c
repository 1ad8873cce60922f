/* learn.c: see learn.h */
#include "learn.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hold.h"
#include "base/sys.h"
#include "config.h"
#include "fetch.h"
#include "handle.h"
#include "learn_folder.h"
#include "memory.h"
#include "release.h"
#include "report.h"
#include "work.h"

enum {
    NOTES_MAX = 1 << 16, /* in a file; what comes later is not noted */
    TOGETHER = 256,      /* so many notes in a row are put in the object's order */
    WORKERS = 32,
};

struct ps_learned {
    int fd; /* held */
    dev_t device;
    ino_t inode;
    _Atomic uint64_t room; /* notes that may be added */
    _Atomic uint64_t next; /* of the runs */
    uint64_t count;
    struct ps_note runs[];
};

/* Images that have runs left: where there are none, no worker looks for them. */
static _Atomic uint32_t pending;

/* --- reading ------------------------------------------------------------------------- */

static int by_first(const void *one, const void *other)
{
    const struct ps_note *a = one, *b = other;

    return a->first < b->first ? -1 : a->first > b->first;
}

/* Is one request for both cheaper? A hole may be half as long as what is around it. */
static bool join(struct ps_note *run, const struct ps_note *next, uint64_t most)
{
    uint64_t end = run->first + run->count, next_end = next->first + next->count;

    if (next->first > end && next->first - end > (run->count + next->count) / 2)
        return false;
    if (next_end < end)
        next_end = end;
    if (next_end - run->first > most)
        return false;
    run->count = next_end - run->first;
    return true;
}

/* In place: notes that are good, ordered and joined, as far as memory allows. Returns how many. */
static uint64_t make_runs(struct ps_note *notes, uint64_t count, const struct ps_table *table)
{
    uint64_t most = PS_REQUEST_USUAL / table->block_size,
             longest = PS_REQUEST_MAX / table->block_size;
    uint64_t good = 0, runs = 0, sum = 0;
    uint64_t limit = ps_memory_limit() == 0 ? UINT64_MAX : ps_memory_limit() / 2;

    for (uint64_t i = 0; i < count; i++)
        if (notes[i].count > 0 && notes[i].count <= longest && notes[i].first < table->blocks &&
            notes[i].count <= table->blocks - notes[i].first)
            notes[good++] = notes[i];
    for (uint64_t from = 0, begin; from < good; from += TOGETHER) {
        uint64_t some = good - from < TOGETHER ? good - from : TOGETHER;

        qsort(notes + from, some, sizeof(*notes), by_first);
        begin = runs;
        for (uint64_t i = from; i < from + some; i++)
            if (runs == begin || !join(&notes[runs - 1], &notes[i], most))
                notes[runs++] = notes[i];
    }
    for (uint64_t i = 0; i < runs; i++) {
        sum += notes[i].count * table->block_size;
        if (sum > limit)
            return i;
    }
    return runs;
}

/* The name of the notes of this program on this object (FNV-1a: others at worst waste bytes). */
static uint64_t name_of(const struct ps_image *image)
{
    char text[PATH_MAX + PS_URI_MAX + PS_VERSION_MAX + 64];
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    ssize_t length = sys_readlinkat(AT_FDCWD, "/proc/self/exe", text, PATH_MAX);
    int more;

    if (length < 0)
        length = 0;
    more =
        snprintf(text + length, sizeof(text) - (size_t)length, "\n%s\n%s\n%llu\n%llu",
                 image->proxy->object, image->proxy->version,
                 (unsigned long long)image->proxy->offset, (unsigned long long)image->proxy->size);
    for (ssize_t i = 0; i < length + more; i++)
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Once in a process: it is the same for all of its objects. */
static void complain(const char *folder, const struct ps_error *error)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;

    if (error->code != 0 && !atomic_flag_test_and_set(&said))
        ps_report_open(folder, error, "PS_LEARN");
}

void ps_learn_open(struct ps_image *image)
{
    const struct ps_config *config = ps_config_get(NULL);
    struct ps_error error = {0};
    struct ps_learned *learned;
    uint64_t count;
    ssize_t got;
    struct stat st;
    int fd;

    if (config == NULL || config->learn == NULL || image->table == NULL ||
        ps_handle_is_instant(image->handle))
        return;
    fd = ps_learn_file(config->learn, name_of(image), &st, &error);
    complain(config->learn, &error);
    if (fd < 0 || (fd = ps_hold(fd, false)) < 0)
        return;
    count = (uint64_t)st.st_size / sizeof(struct ps_note);
    if (count > NOTES_MAX)
        count = NOTES_MAX;
    learned = malloc(sizeof(*learned) + count * sizeof(struct ps_note));
    if (learned == NULL) {
        ps_unhold(fd);
        return;
    }
    got = sys_pread(fd, learned->runs, count * sizeof(struct ps_note), 0);
    learned->fd = fd;
    learned->device = st.st_dev;
    learned->inode = st.st_ino;
    atomic_init(&learned->room, NOTES_MAX - count);
    atomic_init(&learned->next, 0);
    learned->count =
        got < 0 ? 0
                : make_runs(learned->runs, (uint64_t)got / sizeof(struct ps_note), image->table);
    if (learned->count > 0)
        atomic_fetch_add(&pending, 1);
    image->learned = learned;
}

/* The program may have closed the number behind libps's back, and have a file of its own there. */
static bool is_ours(const struct ps_learned *learned)
{
    struct stat st;

    return sys_fstat(learned->fd, &st) == 0 && st.st_dev == learned->device &&
           st.st_ino == learned->inode;
}

void ps_learn_close(struct ps_image *image)
{
    struct ps_learned *learned = image->learned;

    if (learned == NULL)
        return;
    image->learned = NULL;
    if (atomic_load(&learned->next) < learned->count)
        atomic_fetch_sub(&pending, 1);
    if (is_ours(learned))
        ps_unhold(learned->fd);
    free(learned);
}

/* --- noting, and fetching --------------------------------------------------------------- */

void ps_learn_note(const struct ps_image *image, uint64_t first, uint64_t count)
{
    struct ps_learned *learned = image->learned;
    struct ps_note note = {first, count};
    uint64_t room;

    if (learned == NULL)
        return;
    room = atomic_load(&learned->room);
    while (room > 0 && !atomic_compare_exchange_weak(&learned->room, &room, room - 1))
        ;
    /* one write to a file that is opened to append: many processes may share it */
    if (room > 0 && is_ours(learned))
        sys_write(learned->fd, &note, sizeof(note));
}

bool ps_learn_foretells(const struct ps_image *image)
{
    return image->learned != NULL && image->learned->count > 0;
}

static bool start_next(struct ps_image *image)
{
    struct ps_learned *learned = image->learned;
    uint64_t next;

    if (learned == NULL || atomic_load(&learned->next) >= learned->count)
        return false;
    next = atomic_fetch_add(&learned->next, 1);
    if (next + 1 == learned->count)
        atomic_fetch_sub(&pending, 1);
    if (next >= learned->count)
        return false;
    ps_fetch_start(image, learned->runs[next].first, learned->runs[next].count, PS_FETCH_LEARNED);
    return true;
}

bool ps_learn_start(void)
{
    uint32_t slots = atomic_load(&pending) > 0 ? ps_object_slots() : 0;
    bool started = false;

    for (uint32_t i = 0; i < slots && !started; i++)
        if (ps_image_get(&ps_images[i])) {
            started = start_next(&ps_images[i]);
            ps_image_put(&ps_images[i]);
        }
    if (started)
        ps_work_allow(WORKERS);
    return started;
}

/* profile_read.c: what a process has written down (unwind/waits.h) */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "profile.h"
#include "psctl.h"

/* --- texts ------------------------------------------------------------------------------ */

struct text {
    unsigned index;
    char text[];
};

static int compare_texts(const void *one, const void *other)
{
    return strcmp(((const struct text *)one)->text, ((const struct text *)other)->text);
}

unsigned profile_index(struct profile_texts *texts, const char *text, int *is_new)
{
    size_t size = strlen(text) + 1;
    struct text *added = malloc(sizeof(*added) + size), **at;

    if (added == NULL)
        exit(fail("no memory"));
    memcpy(added->text, text, size);
    added->index = texts->count;
    at = tsearch(added, &texts->tree, compare_texts);
    if (at == NULL)
        exit(fail("no memory"));
    if (is_new != NULL)
        *is_new = *at == added;
    if (*at != added)
        free(added);
    else
        texts->count++;
    return (*at)->index;
}

static void *grown(void *list, size_t count, size_t size)
{
    /* room for 16, 32, 64, ... */
    if (count < 16 ? count == 0 : (count & (count - 1)) == 0)
        list = realloc(list, (count < 16 ? 16 : 2 * count) * size);
    if (list == NULL)
        exit(fail("no memory"));
    return list;
}

static unsigned stack_index(struct profile *profile, char *text)
{
    int is_new;
    unsigned index = profile_index(&profile->stacks, text, &is_new);

    if (!is_new) {
        free(text);
        return index;
    }
    profile->stack = grown(profile->stack, index, sizeof(*profile->stack));
    profile->stack[index] = text;
    return index;
}

static unsigned object_index(struct profile *profile, const char *uri, uint64_t size)
{
    int is_new;
    unsigned index = profile_index(&profile->uris, uri, &is_new);

    if (is_new) {
        profile->object = grown(profile->object, index, sizeof(*profile->object));
        profile->object[index] = (struct profile_object){strdup(uri), size};
    }
    if (profile->object[index].uri == NULL)
        exit(fail("no memory"));
    return index;
}

/* --- records ---------------------------------------------------------------------------- */

struct item {
    struct ps_waits record; /* a copy: in the file it is anywhere */
    const char *name, *data;
    size_t data_size; /* of what is there */
};

static int is_mark(const char *at, const char *end)
{
    return end - at >= PS_WAITS_MARK_SIZE && memcmp(at, PS_WAITS_MARK, PS_WAITS_MARK_SIZE) == 0;
}

static const char *find_mark(const char *at, const char *end)
{
    return memmem(at, (size_t)(end - at), PS_WAITS_MARK, PS_WAITS_MARK_SIZE);
}

/*
 * The next record from *at on. One whose stack was shorter than expected ends
 * where the next begins, and the last one of a program that was killed at the end.
 */
static int next_item(struct item *item, const char *file, size_t size, size_t *at)
{
    const struct ps_waits *record = &item->record;
    const char *end = file + size, *begin = find_mark(file + *at, end), *next;

    if (begin == NULL || (size_t)(end - begin) < PS_WAITS_MARK_SIZE + sizeof(*record))
        return 0;
    memcpy(&item->record, begin + PS_WAITS_MARK_SIZE, sizeof(*record));
    item->name = begin + PS_WAITS_MARK_SIZE + sizeof(*record);
    if ((size_t)(end - item->name) < record->name_size)
        return 0;
    item->data = item->name + record->name_size;
    item->data_size = record->data_size;
    next = item->data + record->data_size;
    if ((size_t)(end - item->data) < record->data_size || (next < end && !is_mark(next, end))) {
        next = find_mark(item->data, end);
        next = next != NULL ? next : end;
        item->data_size = (size_t)(next - item->data);
    }
    *at = (size_t)(next - file);
    return 1;
}

/* What the program that begins at this place has mapped, until the next one begins. */
static void *open_space(const struct profile *profile, const char *file, size_t size, size_t at)
{
    struct item item;
    char *text = NULL;
    size_t length;
    FILE *maps = open_memstream(&text, &length);
    void *space = NULL;
    int count = 0;

    if (maps == NULL)
        return NULL;
    while (next_item(&item, file, size, &at) &&
           (item.record.kind != PS_WAITS_PROGRAM || count == 0)) {
        if (item.record.kind == PS_WAITS_PROGRAM || item.record.kind == PS_WAITS_MAPS)
            fwrite(item.data, 1, item.data_size, maps);
        count++;
    }
    fclose(maps);
    maps = length > 0 ? fmemopen(text, length, "r") : NULL;
    if (maps != NULL) {
        space = profile->unwind->open(maps);
        fclose(maps);
    }
    free(text);
    return space;
}

/* --- waits -------------------------------------------------------------------------------- */

static void add_wait(struct profile *profile, const struct item *item, char *stack)
{
    const struct ps_waits *record = &item->record;
    struct profile_wait *wait;
    char uri[PS_URI_MAX] = "";

    if (record->name_size < sizeof(uri))
        memcpy(uri, item->name, record->name_size);
    profile->wait = grown(profile->wait, profile->waits, sizeof(*profile->wait));
    wait = &profile->wait[profile->waits++];
    *wait = (struct profile_wait){.object = object_index(profile, uri, record->object_size),
                                  .stack = stack_index(profile, stack),
                                  .when_ns = record->when_ns,
                                  .ns = record->ns,
                                  .offset = record->offset,
                                  .bytes = record->bytes,
                                  .left_out = record->left_out,
                                  .left_out_ns = record->left_out_ns,
                                  .kind = (unsigned char)record->kind,
                                  .is_asleep = record->kind == PS_WAITS_TOUCH};
    if (record->offset < record->object_size && wait->bytes > record->object_size - record->offset)
        wait->bytes = record->object_size - record->offset;
    if (profile->begin_ns == 0 || record->when_ns < profile->begin_ns)
        profile->begin_ns = record->when_ns;
    if (record->when_ns + record->ns > profile->end_ns)
        profile->end_ns = record->when_ns + record->ns;
}

/* Touches of this process, from first on, that slept until these bytes had come. */
static void wake(struct profile *profile, size_t *first)
{
    const struct profile_wait *arrival = &profile->wait[profile->waits - 1];
    uint64_t end_ns = arrival->when_ns + arrival->ns;

    for (size_t i = *first; i < profile->waits; i++) {
        struct profile_wait *wait = &profile->wait[i];
        if (!wait->is_asleep || wait->object != arrival->object ||
            wait->offset - arrival->offset >= arrival->bytes || wait->when_ns > end_ns)
            continue;
        wait->ns = end_ns - wait->when_ns;
        wait->is_asleep = 0;
    }
    while (*first < profile->waits && !profile->wait[*first].is_asleep)
        ++*first;
}

static char *stack_of(const struct profile *profile, void *space, void **known,
                      const struct item *item)
{
    char *text =
        item->record.kind == PS_WAITS_ARRIVAL
            ? strdup("")
            : profile_stack(profile, space, known, &item->record, item->data, item->data_size);

    if (text == NULL)
        exit(fail("no memory"));
    return text;
}

static void read_items(struct profile *profile, const char *file, size_t size)
{
    size_t at = 0, begin = 0, asleep = profile->waits;
    void *space = NULL, *known = NULL;
    struct item item;

    while (next_item(&item, file, size, &at)) {
        if (item.record.kind == PS_WAITS_PROGRAM) {
            if (space != NULL)
                profile->unwind->close(space);
            space = open_space(profile, file, size, begin);
            tdestroy(known, free);
            known = NULL;
        } else if (item.record.kind != PS_WAITS_MAPS) {
            add_wait(profile, &item, stack_of(profile, space, &known, &item));
            if (item.record.kind == PS_WAITS_ARRIVAL)
                wake(profile, &asleep);
        }
        begin = at;
    }
    tdestroy(known, free);
    if (space != NULL)
        profile->unwind->close(space);
}

int profile_read(struct profile *profile, int fd, const char *name)
{
    struct stat st;
    char *file;

    if (fstat(fd, &st) < 0)
        return fail("%s: %s", name, strerror(errno));
    if (st.st_size == 0)
        return STATUS_OK;
    file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (file == MAP_FAILED)
        return fail("%s: %s", name, strerror(errno));
    read_items(profile, file, (size_t)st.st_size);
    munmap(file, (size_t)st.st_size);
    return STATUS_OK;
}

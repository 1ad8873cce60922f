/* mount_list.c: the objects of a store, noted before anything is mounted; see mount.h */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mount.h"
#include "psctl.h"

enum { TEXT_MAX = PS_URI_MAX + PS_PROXY_FILE_SIZE };

/*
 * What is noted: the key, and the proxy file without its padding; or, without a
 * key, a folder that the next objects are files of
 */
struct note {
    size_t key_size, size;
};

struct listing {
    const char *store;
    int fd;
    char folder[PS_URI_MAX];
    struct ps_error error;
};

/* --- noting ----------------------------------------------------------------------------- */

static int write_note(struct listing *listing, const char *key, const char *text, size_t size)
{
    struct note note = {strlen(key), size};
    char whole[sizeof(note) + TEXT_MAX];
    size_t length = sizeof(note) + note.key_size + size;
    long put;

    if (length > sizeof(whole))
        return ps_error_set(&listing->error, PS_E_INVALID, 0, "a key is too long");
    memcpy(whole, &note, sizeof(note));
    memcpy(whole + sizeof(note), key, note.key_size);
    memcpy(whole + sizeof(note) + note.key_size, text, size);
    put = raw_call(SYS_write, listing->fd, (long)whole, (long)length, 0, 0, 0);
    return put == (long)length ? 0 : ps_error_set(&listing->error, PS_E_NOMEM, ENOMEM, "its list");
}

/* Of an object that is a file: what hides its folder would hide it, too. */
static int note_folder(struct listing *listing, const char *object)
{
    const char *place = strstr(object, "://");
    char path[PS_URI_MAX], *slash;

    if (place == NULL || place - object < 4 || memcmp(place - 4, "file", 4) != 0 ||
        (place - object > 4 && place[-5] != '+'))
        return 0;
    place += 3;
    if (percent_decode(path, place, place + strcspn(place, "?"), &listing->error) != 0)
        return listing->error.code;
    slash = strrchr(path, '/');
    if (slash == NULL)
        return 0;
    slash[slash == path] = '\0';
    if (strcmp(path, listing->folder) == 0)
        return 0;
    strcpy(listing->folder, path);
    return write_note(listing, "", path, strlen(path));
}

/* On a thread of libps, as ps_store_list says: system calls only */
static int note_object(void *context, const char *key, const struct ps_proxy *proxy)
{
    struct listing *listing = context;
    char text[PS_PROXY_FILE_SIZE];
    size_t size = sizeof(text);
    int result = ps_proxy_format_file(proxy, text, &listing->error);

    while (size > 0 && text[size - 1] == '\n')
        size--;
    if (result == 0)
        result = note_folder(listing, proxy->object);
    return result == 0 ? write_note(listing, key, text, size) : result;
}

static int note_objects(const void *argument)
{
    struct listing listing = *(const struct listing *)argument;
    struct ps_store *store;
    struct ps_error err = {0};
    int result = ps_store_open(&store, listing.store, &err);

    if (result == 0) {
        result = ps_store_list(store, note_object, &listing, &err);
        ps_store_close(store);
    }
    if (result == 0)
        return STATUS_OK;
    fail("can't mount %s: %s", listing.store,
         listing.error.code != 0 ? listing.error.message : err.message);
    return STATUS_CANNOT_RUN;
}

int list_store(const char *store, int *list)
{
    struct listing listing = {.store = store, .fd = memfd_create("psctl-list", MFD_CLOEXEC)};

    if (listing.fd < 0) {
        fail("can't mount %s: %s", store, strerror(errno));
        return STATUS_CANNOT_RUN;
    }
    *list = listing.fd;
    return run_apart(note_objects, &listing) == STATUS_OK ? STATUS_OK : STATUS_CANNOT_RUN;
}

/* --- what was noted ----------------------------------------------------------------------- */

static int add_file(int folder, const char *key, const char *text, size_t size)
{
    char whole[PS_PROXY_FILE_SIZE];
    long fd, put;

    memset(whole, '\n', sizeof(whole));
    memcpy(whole, text, size);
    /* once more where it was told of twice */
    fd = raw_call(SYS_openat, folder, (long)key,
                  O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0444, 0, 0);
    if (fd < 0)
        return (int)fd;
    put = raw_call(SYS_write, fd, (long)whole, sizeof(whole), 0, 0, 0);
    raw_call(SYS_close, fd, 0, 0, 0, 0, 0);
    if (put < 0)
        return (int)put;
    return put == sizeof(whole) ? 0 : -ENOSPC;
}

int fill_folder(int list, int folder, int (*is_hidden)(const char *path))
{
    struct note note;
    char key[TEXT_MAX], text[TEXT_MAX];
    uint64_t at = 0;
    mode_t mask = umask(0);
    int result = 0;

    while (result == 0 && raw_pread(list, &note, sizeof(note), at) == sizeof(note)) {
        raw_pread(list, key, note.key_size, at + sizeof(note));
        raw_pread(list, text, note.size, at + sizeof(note) + note.key_size);
        key[note.key_size] = text[note.size] = '\0';
        at += sizeof(note) + note.key_size + note.size;
        if (note.key_size > 0)
            result = strchr(key, '/') == NULL ? add_file(folder, key, text, note.size) : -EINVAL;
        else if (is_hidden(text))
            result = -EBUSY;
    }
    umask(mask);
    return result;
}

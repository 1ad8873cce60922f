/* file_store.h: what the files of the file backend share; see file.c */
#ifndef PS_FILE_STORE_H
#define PS_FILE_STORE_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

#include <ps/backend.h>

enum { FILE_KEPT = 8 };

struct file_opened {
    int fd; /* held */
    char key[];
};

struct file_store {
    bool direct;
    /*
     * Descriptors of objects that were read lately. A reader takes one out,
     * uses it alone, and puts it back, so no lock is needed, and none can be
     * left held in the child of a fork.
     */
    _Atomic(struct file_opened *) kept[FILE_KEPT];
    atomic_int out; /* readers that have one taken out, or gave one up to open it */
    /* One more, to be given up when the program has taken all other descriptors; or NULL. */
    _Atomic(struct file_opened *) spare;
    char folder[PATH_MAX];
};

/* --- file.c --- */

/* ps_file_failed: the error that errno is, in "<what> <folder>/<key>" */
int ps_file_failed(struct ps_error *err, int system, const char *what,
                   const struct file_store *file, const char *key);

/* ps_file_check_key: PS_E_INVALID for keys that can't be a file's name beside its marker */
int ps_file_check_key(const char *key, struct ps_error *err);

void ps_file_info(struct ps_object_info *info, const struct stat *st);

/* --- file_open.c --- */

/* ps_file_open_at: openat, but no symbolic link anywhere on the way. -1 and errno. */
int ps_file_open_at(int dir, const char *path, int flags);

/* ps_file_open: a descriptor of an object, a regular file, and its stat; or a negative ps_code */
int ps_file_open(struct file_store *file, const char *key, int flags, struct stat *st,
                 struct ps_error *err);

/*
 * ps_file_take: an open object, kept from an earlier read or opened now
 *
 * It is the file that has the key's name at this moment, and st is what it is.
 * The caller gives it to ps_file_give; good: it may serve again.
 */
int ps_file_take(struct file_opened **object, struct file_store *file, const char *key,
                 struct stat *st, struct ps_error *err);
void ps_file_give(struct file_store *file, struct file_opened *object, bool good);

/* ps_file_spare: some descriptor, to be dropped when one is needed; or NULL */
struct file_opened *ps_file_spare(void);
void ps_file_drop(struct file_opened *object);

/* --- file_put.c --- */

int ps_file_put(void *handle, const char *key, const struct ps_content *content,
                struct ps_object_info *info, struct ps_error *err);
int ps_file_evict(void *handle, const char *key, struct ps_error *err);

/* --- file_list.c --- */

int ps_file_list(void *handle, ps_backend_each *each, void *context, struct ps_error *err);

#endif

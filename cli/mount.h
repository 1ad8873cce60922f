/*
 * mount.h: stores as folders of a program: psctl run --mount /data=STORE
 *
 * The program gets a mount namespace of its own, and there a file system in
 * memory with a proxy file for each object. So the kernel itself knows the
 * names: whatever lists folders or follows paths, static programs included,
 * sees them, and no function that takes a path has to be hooked for it.
 */
#ifndef MOUNT_H
#define MOUNT_H

enum { MOUNTS_MAX = 16 };

/* What the user asked for: "/folder=STORE", each */
struct mounts {
    char *wanted[MOUNTS_MAX];
    int count;
};

/* mounts_add: one more; 0, or STATUS_USAGE when it has said what is wrong (mount.c) */
int mounts_add(struct mounts *mounts, char *wanted);

/* mounts_add_variable: those of PS_MOUNT, separated by spaces; 0, or a status as of run_mounts */
int mounts_add_variable(struct mounts *mounts);

/*
 * run_mounts: make them all, for this process and what it starts
 *
 * First of all that needs libps: who has another thread can't do it. 0, or
 * STATUS_CANNOT_RUN when it has said why not.
 */
int run_mounts(const struct mounts *mounts);

/* --- the objects (mount_list.c) ------------------------------------------------------- */

/* list_store: note them in a new file. 0, or STATUS_CANNOT_RUN when it has said why not. */
int list_store(const char *store, int *list);

/*
 * fill_folder: make their proxy files in a folder; 0, or a negative errno
 *
 * is_hidden is asked of each folder that objects are files of: -EBUSY where it is.
 */
int fill_folder(int list, int folder, int (*is_hidden)(const char *path));

/* --- folders that were missing (mount_made.c) ------------------------------------------ */

/* made_add: path was made; made_remove: nothing will be mounted, so they go, as far as empty */
void made_add(const char *path);
void made_remove(void);

/* --- the namespace (mount_space.c); all return 0, or a negative errno --------------- */

/* space_enter: this process gets mounts of its own. What others mount later is seen here, too. */
int space_enter(void);

/*
 * space_folder: have path be a folder
 *
 * One that is missing is made. Where the user may not, the folder that it would
 * be in is covered by a read-only one with all that is in it, and path.
 */
int space_folder(const char *path);

/* space_open: an empty file system in memory on path; a descriptor of its folder */
int space_open(const char *path);

/* space_close: path is read-only from now on */
int space_close(const char *path);

/* space_settle: all folders are made */
int space_settle(void);

/* space_return: all is mounted; back to the working folder, through what is mounted now */
int space_return(void);

/* space_leave: this process gives up the rights that it had for mounting */
void space_leave(void);

#endif

/* dir.h: the names in a folder, without allocation and without libc's streams of them */
#ifndef PS_DIR_H
#define PS_DIR_H

/*
 * ps_dir_each: visit every name in a folder but those that begin with a dot
 *
 * visit gets the open folder; it ends the walk by returning something else
 * than 0, which is the result then. 0: all were visited; negative errno: the
 * folder can't be read.
 */
int ps_dir_each(const char *path, int (*visit)(int dir, const char *name, void *argument),
                void *argument);

#endif

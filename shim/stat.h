/* stat.h: what a path shows, for hooks that are told, or need to know, what it names */
#ifndef PS_STAT_H
#define PS_STAT_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * ps_stat_correct: give st, the kernel's answer for dir and path, the object's size if that is a
 * proxy file; true: it is one
 *
 * flags: AT_SYMLINK_NOFOLLOW or 0. Fetches nothing.
 */
bool ps_stat_correct(int dir, const char *path, int flags, struct stat *st);

#endif

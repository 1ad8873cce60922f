/*
 * mount.h: PS_MOUNT, in programs that libps was preloaded into by hand
 *
 * A process that runs can't be given a mount namespace from inside without
 * harm: it may have threads, and is no more the user that its libraries took it
 * for. So it begins once more, below psctl run, which has all that is needed,
 * and takes PS_MOUNT out of the environment: what the program runs is in the
 * namespace already.
 */
#ifndef PS_MOUNT_H
#define PS_MOUNT_H

#include <stdbool.h>

/* ps_mount_wanted: does the environment ask for it? */
bool ps_mount_wanted(char *const environment[]);

/*
 * ps_mount_begin: by the constructor, before the program has done anything
 *
 * library: the path of this libps. Where nothing can be mounted, the process
 * ends as a shell's command would that can't be run: with 126 or 127 and a line.
 */
_Noreturn void ps_mount_begin(const char *library, char *const argv[], char *const environment[]);

#endif

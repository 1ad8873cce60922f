/* learn_folder.h: the folder of PS_LEARN, and the files of notes in it */
#ifndef PS_LEARN_FOLDER_H
#define PS_LEARN_FOLDER_H

#include <stdint.h>
#include <sys/stat.h>

#include <ps/error.h>

/* A run of blocks: a line of the file, 16 bytes. */
struct ps_note {
    uint64_t first, count;
};

/*
 * ps_learn_file: open the notes of that name, made if they are missing
 *
 * A descriptor to be held, and *st of it; or negative: nothing can be noted, as
 * the folder or the file is not this user's alone. err says what is wrong with the
 * folder, and is left empty where it is this file only. Notes whose size can't be are
 * forgotten. Where all take too much room, those go that were not added to for
 * longest.
 */
int ps_learn_file(const char *folder, uint64_t name, struct stat *st, struct ps_error *err);

#endif

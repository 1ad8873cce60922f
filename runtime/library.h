/* library.h: where the modules of libps are */
#ifndef PS_LIBRARY_H
#define PS_LIBRARY_H

#include <stddef.h>

#include <ps/error.h>

/* ps_library_folder: the folder "libps" beside this library; not in a handler */
int ps_library_folder(char *folder, size_t size, struct ps_error *err);

#endif

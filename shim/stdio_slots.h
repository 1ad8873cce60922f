/*
 * stdio_slots.h: glibc's streams on images
 *
 * fread, getc, fscanf and all their kin reach the kernel by calls inside libc
 * that no preloaded library sees. But each refill of a stream goes through one
 * slot, __read, of the tables _IO_file_jumps and _IO_wfile_jumps, which libc
 * exports. With that slot replaced, streams of proxies are ordinary streams.
 * The slot __write is replaced too: a stream may write from lazy memory.
 */
#ifndef PS_STDIO_SLOTS_H
#define PS_STDIO_SLOTS_H

#include <stdbool.h>

/*
 * ps_stdio_patch: replace the slots, at the first image of the process
 *
 * Does nothing if libc's tables do not look as expected: then objects that
 * streams read are fetched whole when they are opened.
 */
void ps_stdio_patch(void);

/* ps_stdio_patched: did it work? */
bool ps_stdio_patched(void);

#endif

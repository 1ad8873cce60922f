/*
 * executable.h: proxy files of programs
 *
 * The kernel can run neither the text of a proxy file, which is ENOEXEC, nor
 * an image. So the program is copied into a file in memory of its own.
 */
#ifndef PS_EXECUTABLE_H
#define PS_EXECUTABLE_H

#include <stdbool.h>

/*
 * ps_executable: the program that the proxy file stands for, as a new descriptor
 *
 * It is close-on-exec, but of a script, whose interpreter opens it. -ENOEXEC:
 * there is no proxy that this process may run, or none that it can see to be
 * one. Other errors are those of open and read.
 */
int ps_executable(int dir, const char *path);

/* ps_executable_search: the same, of the file that PATH means by name; as ps_program_search */
int ps_executable_search(const char *name, bool moves);

#endif

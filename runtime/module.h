/* module.h: what is loaded only when it is needed, so that the core needs libc alone */
#ifndef PS_MODULE_H
#define PS_MODULE_H

#include <stddef.h>

#include <ps/error.h>

/*
 * ps_module_path: the path of a module's file, for dlopen
 *
 * In the folder of PS_BACKEND_PATH, if it is there; else in libps/ beside this
 * library, where it need not be.
 */
int ps_module_path(char *path, size_t size, const char *file, struct ps_error *err);

#endif

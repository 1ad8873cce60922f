/* libc.h: libc's own functions, behind those that a preloaded libps has put before them */
#ifndef BENCH_LIBC_H
#define BENCH_LIBC_H

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libc_function: *(void **)function is libc's; the program's own must be another, or it ends here
 */
static inline void libc_function(void *function, const char *name)
{
    void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    void *found = libc != NULL ? dlsym(libc, name) : NULL;

    if (found == NULL || found == dlsym(RTLD_DEFAULT, name)) {
        fprintf(stderr, "libps is not preloaded, or libc has no %s\n", name);
        exit(1);
    }
    memcpy(function, &found, sizeof(found));
}

#endif

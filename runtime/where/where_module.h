/* where_module.h: what runtime/where.c takes from the module that it loads */
#ifndef PS_WHERE_MODULE_H
#define PS_WHERE_MODULE_H

#include <stddef.h>
#include <ucontext.h>

/*
 * ps_where_names: the functions of the stack with these registers, innermost first
 *
 * Those of libps itself are left out. names becomes "f+0x12 (module), g+0x3c
 * (other)", or empty. Where the registers are not all known, it is shorter. On
 * a worker; the stack's thread waits.
 */
typedef void ps_where_names_function(const ucontext_t *context, char *names, size_t size);
ps_where_names_function ps_where_names;

#endif

/* report.h: the one line that a failure prints; safe in a handler */
#ifndef PS_REPORT_H
#define PS_REPORT_H

#include <stdint.h>

#include <ps/error.h>

#include "image.h"

/* ps_report_touch: memory at address could not be fetched; instruction: where, or 0 if not known */
void ps_report_touch(const struct ps_image *image, uint64_t offset, uint64_t size,
                     const struct ps_error *error, uintptr_t address, uintptr_t instruction);

/* ps_report_call: a call could not get a range; call is its name, fd its descriptor or -1 */
void ps_report_call(const struct ps_image *image, uint64_t offset, uint64_t size,
                    const struct ps_error *error, const char *call, int fd);

/* ps_report_open: a proxy could not be opened; name is its path, or NULL */
void ps_report_open(const char *name, const struct ps_error *error, const char *call);

#endif

/*
 * report.h: the one line that a failure prints; safe in a handler
 *
 * It goes to the program's standard error: the file that was number 2 when the
 * program began, or that it put there since by dup2 or freopen. A program that
 * closes that one may get number 2 for a file of data, where no line belongs.
 */
#ifndef PS_REPORT_H
#define PS_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <ps/error.h>

#include "../unwind/stack.h"
#include "image.h"

/*
 * ps_report_touch: memory at address could not be fetched; registers: of the toucher, or NULL
 *
 * Says nothing while a thread is in a PS_TRY: the toucher's SIGBUS handler will (ps_report_fault),
 * unless the program takes the failure.
 */
void ps_report_touch(const struct ps_image *image, uint64_t offset, uint64_t size,
                     const struct ps_error *error, uintptr_t address,
                     const struct ps_registers *registers);

/* ps_report_fault: the same, in any case */
void ps_report_fault(const struct ps_image *image, uint64_t offset, uint64_t size,
                     const struct ps_error *error, uintptr_t address,
                     const struct ps_registers *registers);

/* ps_report_call: a call could not get a range; call is its name, fd its descriptor or -1 */
void ps_report_call(const struct ps_image *image, uint64_t offset, uint64_t size,
                    const struct ps_error *error, const char *call, int fd);

/* ps_report_open: a proxy could not be opened; name is its path, or NULL */
void ps_report_open(const char *name, const struct ps_error *error, const char *call);

/* ps_report_to: the program made number 2 its standard error */
void ps_report_to(void);

/* ps_report_is_heard: is number 2 its standard error still? */
bool ps_report_is_heard(void);

/* ps_report_write: a line into a file of the program's, without a signal for it */
void ps_report_write(int fd, const char *line, size_t size);

/* ps_report_writev: the same, of what lies in parts */
void ps_report_writev(int fd, const struct iovec *parts, int count);

#endif

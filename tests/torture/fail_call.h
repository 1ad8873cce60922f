/*
 * fail_call.h: one system call of the library's own fails
 *
 * FAIL_CALL=NAME:N makes the N-th call of that name fail that libps.so.1's own
 * code makes, in this process and its children. Those of the program, and of
 * libc for it, don't count. FAIL_CALL=NAME:0 fails none.
 */
#ifndef FAIL_CALL_H
#define FAIL_CALL_H

/*
 * fail_call: in main, before there are threads
 *
 * Where FAIL_CALL is set this returns in a child, and the process that called it
 * ends as the child does: with 99 where the child's status is 0 and the call was
 * never made, and with 77 where system calls can't be watched.
 */
void fail_call(void);

#endif

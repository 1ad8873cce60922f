/*
 * where.h: where a program's code was, for the one line that a failure prints
 *
 * By files of /proc only: nothing of the program's is read, no lock is needed
 * that its threads may hold, and no descriptor stays. Names are for callers.h.
 */
#ifndef PS_WHERE_H
#define PS_WHERE_H

#include <stdbool.h>
#include <stdint.h>

#include "../unwind/stack.h"
#include "base/text.h"

/*
 * ps_where: add " by the instruction at 0x7f12 (module+0x12)", as addr2line takes it
 *
 * The module is left out where none is mapped there. Safe in a handler.
 */
void ps_where(struct ps_text *text, uintptr_t instruction);

/*
 * ps_where_blocked: where a thread of this process is blocked; false: not known
 *
 * The kernel tells no registers but the stack and the instruction: callers can be
 * found by these as long as their code has no frame pointer.
 */
bool ps_where_blocked(struct ps_registers *registers, int thread);

/* ps_where_interrupted: by the third argument of a handler */
void ps_where_interrupted(struct ps_registers *registers, const void *context);

/* ps_where_here: in the function that calls this; good until that returns */
static inline __attribute__((always_inline)) void ps_where_here(struct ps_registers *registers)
{
#if defined(__x86_64__)
    __asm__ volatile("movq %%rbx, 3*8(%0)\n\tmovq %%rbp, 6*8(%0)\n\tmovq %%rsp, 7*8(%0)\n\t"
                     "movq %%r12, 12*8(%0)\n\tmovq %%r13, 13*8(%0)\n\tmovq %%r14, 14*8(%0)\n\t"
                     "movq %%r15, 15*8(%0)\n\tleaq 0(%%rip), %%rax\n\tmovq %%rax, 16*8(%0)"
                     :
                     : "r"(registers->value)
                     : "rax", "memory");
    registers->known = 1 << 3 | 3 << 6 | 31 << 12;
#elif defined(__aarch64__)
    __asm__ volatile("stp x19, x20, [%0, #19*8]\n\tstp x21, x22, [%0, #21*8]\n\t"
                     "stp x23, x24, [%0, #23*8]\n\tstp x25, x26, [%0, #25*8]\n\t"
                     "stp x27, x28, [%0, #27*8]\n\tstp x29, x30, [%0, #29*8]\n\t"
                     "mov x9, sp\n\tadr x10, .\n\tstp x9, x10, [%0, #31*8]"
                     :
                     : "r"(registers->value)
                     : "x9", "x10", "memory");
    registers->known = UINT64_C(0x3fff) << 19;
#endif
}

#endif

/*
 * valgrind.h: does this process run in valgrind?
 *
 * Valgrind lets one thread run at a time. A thread that the kernel stops in a
 * touch keeps its turn, so nobody could serve its fault.
 */
#ifndef PS_VALGRIND_H
#define PS_VALGRIND_H

#include <stdbool.h>

/*
 * Valgrind answers a sequence of instructions that changes nothing anywhere
 * else: here its request 0x1001, "are you there?", with the default answer 0.
 */
static inline bool ps_in_valgrind(void)
{
    volatile unsigned long request[6] = {0x1001, 0, 0, 0, 0, 0};
    unsigned long answer = 0;

#if defined(__x86_64__)
    __asm__ volatile("rolq $3, %%rdi; rolq $13, %%rdi; rolq $61, %%rdi; rolq $51, %%rdi\n\t"
                     "xchgq %%rbx, %%rbx"
                     : "+d"(answer)
                     : "a"(&request[0])
                     : "cc", "memory");
#elif defined(__aarch64__)
    register unsigned long x3 __asm__("x3") = answer;
    register volatile unsigned long *x4 __asm__("x4") = request;
    __asm__ volatile("ror x12, x12, #3; ror x12, x12, #13; ror x12, x12, #51; ror x12, x12, #61\n\t"
                     "orr x10, x10, x10"
                     : "+r"(x3)
                     : "r"(x4)
                     : "cc", "memory");
    answer = x3;
#endif
    return answer != 0;
}

#endif

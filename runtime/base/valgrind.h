/*
 * valgrind.h: what libps and valgrind must tell each other
 *
 * Valgrind lets one thread run at a time. A thread that the kernel stops in a
 * touch keeps its turn, so nobody could serve its fault. And its memcheck
 * believes that memory which was mapped without access is no memory.
 */
#ifndef PS_VALGRIND_H
#define PS_VALGRIND_H

#include <stdbool.h>
#include <stdint.h>

/* Requests, by their numbers in <valgrind/valgrind.h> and <valgrind/memcheck.h>. */
enum ps_valgrind_request {
    PS_VALGRIND_IS_THERE = 0x1001,
    PS_VALGRIND_IS_DEFINED = 0x4d430002, /* 'M', 'C', 2: these addresses hold data */
};

/*
 * Valgrind answers a sequence of instructions that changes nothing anywhere
 * else; there the answer is 0.
 */
static inline unsigned long ps_valgrind_ask(enum ps_valgrind_request what, uintptr_t start,
                                            uintptr_t size)
{
    volatile unsigned long request[6] = {what, start, size, 0, 0, 0};
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
    return answer;
}

static inline bool ps_in_valgrind(void)
{
    return ps_valgrind_ask(PS_VALGRIND_IS_THERE, 0, 0) != 0;
}

#endif

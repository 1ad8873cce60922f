/*
 * stack.h: what a module offers that follows stacks, and tells what is at an address
 *
 * libps-unwind.so does it by libunwind and elfutils' libdw. The core links
 * neither: a worker opens the module when a failure is reported, and psctl to read
 * a profile. It needs no process, only the text of its maps, registers, and a way
 * to the bytes of its stack: so it may look at a thread that sleeps, as well as
 * at a stack that was written down.
 *
 * It allocates, opens files and takes locks: never in a handler, nor on a thread of the program.
 */
#ifndef PS_STACK_H
#define PS_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Registers have the numbers that DWARF gives them, which are libunwind's, too. */
#if defined(__x86_64__)
enum { PS_REGISTER_SP = 7, PS_REGISTER_PC = 16, PS_REGISTERS = 17 };
#elif defined(__aarch64__)
enum { PS_REGISTER_SP = 31, PS_REGISTER_PC = 32, PS_REGISTERS = 33 };
#endif

struct ps_registers {
    uint64_t known; /* a bit for each; without PC and SP no stack can be followed */
    uint64_t value[PS_REGISTERS];
};

struct ps_stack {
    struct ps_registers registers;
    /* the 8 bytes at an address of the stack; false: not to be had. By the thread that walks. */
    bool (*read)(const struct ps_stack *stack, uint64_t address, uint64_t *word);
};

/* What is at an address of code. Names are cut where they are too long. */
struct ps_frame {
    char function[128]; /* empty: no symbol tells */
    char file[64];      /* of the source, without folders; empty: no line table tells */
    int line;
    char module[64]; /* file of the program or library, without folders; empty: not known */
    uint64_t offset; /* of the address in it, as addr2line takes it */
};

enum { PS_UNWIND_API = 1 };

struct ps_unwind {
    uint32_t struct_size, api;

    /*
     * open: the programs and libraries that lines of a /proc/<pid>/maps name
     *
     * Only the lines of code are needed. NULL: no memory. One thread at a time may use it.
     */
    void *(*open)(FILE *maps);
    void (*close)(void *space);

    /*
     * walk: the code that was at work, innermost first; how many of at most `most` addresses
     *
     * The first is where the registers are, the others lie in the call that has
     * not returned. It ends early where it can't go on.
     */
    unsigned (*walk)(void *space, const struct ps_stack *stack, uint64_t *code, unsigned most);

    /* describe: what is at an address that walk gave; all empty where no module is there */
    void (*describe)(void *space, uint64_t address, struct ps_frame *code);
};

/* The one name that the module exports */
#define PS_UNWIND_INIT "ps_unwind_init"
typedef const struct ps_unwind *ps_unwind_init_function(void);

#endif

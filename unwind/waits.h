/*
 * waits.h: what a process writes down of its waits for data, and psctl reads when it has ended
 *
 * A file is records: the mark, struct ps_waits, its object's URI, its data. A stack
 * that was shorter than expected leaves a record short: the next one is found by
 * its mark, which is in no stack.
 */
#ifndef PS_WAITS_H
#define PS_WAITS_H

#include "stack.h"

#define PS_WAITS_MARK "psWaits\n"
enum { PS_WAITS_MARK_SIZE = 8 };

enum ps_waits_kind {
    PS_WAITS_PROGRAM, /* a program begins; data: text of its maps */
    PS_WAITS_MAPS,    /* more of that text */
    PS_WAITS_CALL,    /* who touched, with its stack, and for how long it has waited */
    PS_WAITS_TOUCH,   /* the same, as it begins to wait */
    PS_WAITS_ARRIVAL, /* bytes are there: touches of them, that wait, have ended */
};

struct ps_waits {
    uint32_t kind;
    uint32_t name_size, data_size; /* behind this struct, in this order */
    uint32_t block_size;
    uint64_t when_ns, ns; /* when it began (CLOCK_MONOTONIC), how long it took */
    uint64_t offset, bytes, object_size;
    uint64_t left_out, left_out_ns; /* waits before this one that were not written, as too short */
    struct ps_registers registers;  /* data: the stack, from SP on */
};

#endif

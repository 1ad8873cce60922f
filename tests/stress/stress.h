/*
 * stress.h: what the parts of the stress share
 *
 * Every thread draws its acts from a generator of its own, which the seed of
 * the run and the thread's number begin: the same seed gives each thread the
 * same acts in the same order, whatever the others do meanwhile.
 */
#ifndef STRESS_H
#define STRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ps/ps.h>

enum { WORKERS = 10, PAGE = 4096, SLICE = 16 * PAGE, OWN_PAGES = 64, OWN = OWN_PAGES * PAGE };

/* What a worker wrote into [0, size) of private memory; 0: nothing, the object's byte is there. */
struct shadow {
    unsigned char *at;
    size_t offset, size; /* of the object's bytes behind it */
    unsigned char wrote[OWN];
};

enum page_state { PAGE_GONE, PAGE_NONE, PAGE_READ, PAGE_WRITE };

struct worker {
    unsigned number;
    uint64_t random, turns;
    const char *last[8];            /* names of its last acts */
    bool forks, done;               /* done: read by others, atomically */
    unsigned depth;                 /* forks between this process and the first one */
    int view, out;                  /* a descriptor of the object, or -1; a file of its own */
    struct shadow slice;            /* its part of the map of all */
    struct shadow own;              /* a map of its own, which it changes as it likes */
    bool is_lazy_map;               /* own is one of ps_lazy_map, and was not moved since */
    unsigned char state[OWN_PAGES]; /* of own: enum page_state */
    unsigned char buffer[OWN];
};

/* What was done, all processes but the children counted. */
enum count { TOUCHED, WROTE, EVICTED, PREFETCHED, MAPPED, CHILDREN, FAILED, READ, COUNTS };
extern _Atomic unsigned long counts[COUNTS];

extern const char *uri, *proxy_file; /* proxy_file: of uri, or NULL without hooks */
extern unsigned char *map;           /* of all: [0, WORKERS * SLICE) are the workers' slices */
extern size_t size;
extern bool failures; /* of the store: may happen */
extern bool tries;    /* touches are in PS_TRY; else SIGBUS is the program's */

/* fail: print what, the seed and what this thread did last; ends the process with 1 */
__attribute__((noreturn)) void fail(const char *what, size_t offset, const struct ps_error *err);

/* draw: a number below limit */
uint64_t draw(struct worker *worker, uint64_t limit);

/* touch.c: memory that may fail. With a failing store they try until it answers. */
void touch_start(void);
unsigned char byte_at(const unsigned char *at);
void set_byte(unsigned char *at, unsigned char byte);
bool raises_sigsegv(const unsigned char *at);
void check(const unsigned char *at, size_t offset); /* at[0] is byte offset of the object */
void check_shadow(const struct shadow *shadow, size_t offset);
void write_shadow(struct shadow *shadow, size_t offset, unsigned char byte);

/* act.c: one more act of the worker, of those that need nothing else or of all */
void act(struct worker *worker);
size_t somewhere(struct worker *worker);

/* own.c: acts on the worker's own map */
void own_map(struct worker *worker);
void own_unmap(struct worker *worker);
void own_act(struct worker *worker);
void own_check(struct worker *worker);

/* forks.c */
void fork_worker(struct worker *worker);
void fork_fresh(uint64_t number); /* in the middle of evictions of an object of its own */

#endif

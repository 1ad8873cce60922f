/*
 * table.h: the block table, the only truth about what is ready
 *
 * One table belongs to one image. It is memory that processes share: threads,
 * forked children and programs that inherit a descriptor all use one table.
 * A block is block_size bytes of the object; its state is one byte:
 *
 *     state    who moves it on                              to
 *     ABSENT   a touch that takes on the fetch              LOADING
 *     LOADING  the worker that has written the bytes        READY
 *              the worker whose fetch failed                FAILED
 *              the same, when nobody asked for the block    ABSENT
 *     READY    ps_evict, before it drops the bytes          LOADING
 *     LOADING  ps_evict, after it dropped the bytes         ABSENT
 *              the same, when they could not be dropped     READY
 *     FAILED   the next touch, which tries again            LOADING
 *     LOADING  who waits, when the owner has ended          ABSENT
 *
 * Whoever moves a block to LOADING owns the image's bytes of it until it
 * moves it on; nobody else writes or drops them. Beside LOADING stands the
 * owner's number, which a process has for an image as long as it uses it
 * (join.h). An owner that ends leaves the block LOADING: whoever waits for it
 * makes it ABSENT again, at once where it sees that the owner has ended, and
 * after PS_LEASE_MS where the owner is only slow. Both may then write, but
 * objects are immutable: same bytes. From an eviction that goes on nothing is
 * taken; it works while no other process uses the image.
 */
#ifndef PS_TABLE_H
#define PS_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include <ps/proxy.h>

enum ps_block_state { PS_BLOCK_ABSENT, PS_BLOCK_LOADING, PS_BLOCK_READY, PS_BLOCK_FAILED };

enum { PS_LEASE_MS = 5000 }; /* stores may be slow, and who has ended is seen at once */

enum { PS_OWNERS = 64 }; /* numbers; 0 is that of all processes that got none */

#define PS_TABLE_MAGIC 0x36626174 /* "tab6": changes with the layout */

struct ps_table {
    uint32_t magic;
    uint32_t block_size; /* bytes; a power of two, at least a page */
    uint64_t size;       /* bytes of the object */
    uint64_t blocks;
    uint64_t image_device, image_inode; /* which image this table is about */

    _Atomic uint64_t ready;    /* blocks that are READY */
    _Atomic uint64_t held;     /* bytes that are in the image, of blocks READY now or soon */
    _Atomic uint32_t waiters;  /* threads that sleep for a block, in all processes */
    _Atomic uint32_t unseen;   /* 1: perhaps one uses the image whom no lock shows: no evictions */
    _Atomic uint32_t evicting; /* 1: one is under way, or was when its process died */

    /* blocks LOADING by each owner; more than there are where one died while it counted */
    _Atomic uint32_t loading[PS_OWNERS];

    struct stat name;                   /* of the proxy file that the image was opened by */
    char proxy[PS_PROXY_FILE_SIZE + 3]; /* for processes that inherit the image */

    /* one byte a block; the futex is the aligned word around it */
    _Alignas(
        64) _Atomic uint8_t state[]; /* an enum ps_block_state, and four times the owner's number */
};

/* ps_table_size: bytes of memory for a table of that many blocks */
size_t ps_table_size(uint64_t blocks);

/* ps_table_init: write the header into zeroed memory */
void ps_table_init(struct ps_table *table, uint64_t size, uint32_t block_size);

/* ps_table_all_ready: are all of the blocks [first, first+count) READY? */
bool ps_table_all_ready(struct ps_table *table, uint64_t first, uint64_t count);

/* ps_table_any_absent: is one of them ABSENT? */
bool ps_table_any_absent(struct ps_table *table, uint64_t first, uint64_t count);

/*
 * ps_table_claim: ABSENT or FAILED to LOADING
 *
 * From first on, at most so many: returns how many in a row the owner got.
 */
uint64_t ps_table_claim(struct ps_table *table, uint64_t first, uint64_t most, unsigned owner);

/* ps_table_set: of these blocks, those that are still the owner's become READY, FAILED or ABSENT;
 * waiters wake */
void ps_table_set(struct ps_table *table, uint64_t first, uint64_t count, unsigned owner,
                  enum ps_block_state to);

/* ps_table_unready: READY to LOADING, for ps_evict inside ps_use_exclude; else as ps_table_claim */
uint64_t ps_table_unready(struct ps_table *table, uint64_t first, uint64_t most, unsigned owner);

/*
 * ps_table_wait: sleep while the block is LOADING, for so many milliseconds at most
 *
 * Returns the state seen last. Safe in a signal handler.
 */
enum ps_block_state ps_table_wait(struct ps_table *table, uint64_t block, unsigned ms);

static inline enum ps_block_state ps_table_state(struct ps_table *table, uint64_t block)
{
    return (enum ps_block_state)(atomic_load_explicit(&table->state[block], memory_order_acquire) &
                                 3);
}

/* ps_table_owner: whose the block is, or was, while it is LOADING */
static inline unsigned ps_table_owner(struct ps_table *table, uint64_t block)
{
    return atomic_load_explicit(&table->state[block], memory_order_acquire) >> 2;
}

static inline bool ps_table_complete(struct ps_table *table)
{
    return atomic_load_explicit(&table->ready, memory_order_acquire) == table->blocks;
}

#endif

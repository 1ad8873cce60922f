/* stdio_slots.c: see stdio_slots.h */
#include "stdio_slots.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "base/sys.h"
#include "read.h"

/*
 * struct _IO_jump_t, the same in every glibc since 2.2.5: 21 words. These are
 * the functions that we replace, and two others that prove what table it is.
 */
enum { WORDS = 21, READ = 14, WRITE = 15, SEEK = 16, STAT = 18 };

typedef ssize_t (*read_slot)(FILE *stream, void *buffer, ssize_t size);
typedef ssize_t (*write_slot)(FILE *stream, const void *buffer, ssize_t size);

static _Atomic int state; /* 0: to do, 1: a thread is at it, 2: done, 3: can't */
static read_slot libc_read;
static write_slot libc_write;

/* The hooks run with the stream's lock held, also for libc's own files: no stdio, no allocation. */
static ssize_t slot_read(FILE *stream, void *buffer, ssize_t size)
{
    struct ps_pins pins;
    ssize_t got;

    pins.count = 0;
    if (size <= 0 || !ps_read_view(stream->_fileno, buffer, (size_t)size, "a stream", &pins, &got))
        got = libc_read(stream, buffer, size);
    ps_map_unpin(&pins);
    return got;
}

static ssize_t slot_write(FILE *stream, const void *buffer, ssize_t size)
{
    struct ps_pins pins;
    ssize_t put = 0;

    pins.count = 0;
    if (size <= 0 || ps_preload_pin(&pins, buffer, (size_t)size, "a stream") == 0) {
        put = libc_write(stream, buffer, size);
    } else {
        errno = EIO;
        stream->_flags |= _IO_ERR_SEEN; /* as _IO_file_write, which tells ferror itself */
    }
    ps_map_unpin(&pins);
    return put;
}

static bool looks_right(void *const *table, size_t size)
{
    return table != NULL && size == WORDS * sizeof(void *) &&
           table[READ] == dlsym(RTLD_NEXT, "_IO_file_read") &&
           table[SEEK] == dlsym(RTLD_NEXT, "_IO_file_seek") &&
           table[STAT] == dlsym(RTLD_NEXT, "_IO_file_stat") && table[READ] != NULL;
}

static void **find_table(const char *name)
{
    void **table = dlsym(RTLD_NEXT, name);
    const ElfW(Sym) *symbol = NULL;
    Dl_info info;

    if (table == NULL || !dladdr1(table, &info, (void **)&symbol, RTLD_DL_SYMENT) ||
        symbol == NULL || !looks_right(table, symbol->st_size))
        return NULL;
    return table;
}

/* The tables are read-only after relocation (RELRO): open the pages for the two words, and close.
 */
static bool patch(void **table)
{
    uintptr_t page = getauxval(AT_PAGESZ), start = (uintptr_t)&table[READ] & ~(page - 1);
    uintptr_t end = ((uintptr_t)&table[WRITE + 1] + page - 1) & ~(page - 1);

    if (sys_mprotect((void *)start, end - start, PROT_READ | PROT_WRITE) < 0)
        return false;
    __atomic_store_n(&table[READ], (void *)(uintptr_t)slot_read, __ATOMIC_RELEASE);
    __atomic_store_n(&table[WRITE], (void *)(uintptr_t)slot_write, __ATOMIC_RELEASE);
    sys_mprotect((void *)start, end - start, PROT_READ);
    return true;
}

void ps_stdio_patch(void)
{
    void **narrow, **wide;
    int todo = 0;

    if (atomic_load_explicit(&state, memory_order_acquire) >= 2)
        return;
    if (!atomic_compare_exchange_strong(&state, &todo, 1)) {
        while (atomic_load(&state) == 1)
            sys_call3(SYS_sched_yield, 0, 0, 0);
        return;
    }
    narrow = find_table("_IO_file_jumps");
    wide = find_table("_IO_wfile_jumps");
    if (narrow == NULL || wide == NULL) {
        atomic_store(&state, 3);
        return;
    }
    libc_read = (read_slot)(uintptr_t)narrow[READ];
    libc_write = (write_slot)(uintptr_t)narrow[WRITE];
    atomic_store(&state, patch(narrow) && patch(wide) ? 2 : 3);
}

bool ps_stdio_patched(void)
{
    return atomic_load(&state) == 2;
}

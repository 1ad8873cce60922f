/*
 * nth.c: a preload that makes the N-th thing that libps asks the system for fail, once
 *
 * NTH=N. Of what libps's own code calls, known by the address it returns to:
 * malloc, calloc, realloc, strdup and pthread_create. The program's calls, and
 * those of libc itself, are left alone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uintptr_t low, high; /* of libps's code */
static _Atomic long *left;  /* calls until the one that fails; children count on in it */

static int find(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    if (strstr(info->dlpi_name, "/libps.so.1") == NULL)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
            low = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            high = low + info->dlpi_phdr[i].p_memsz;
        }
    return 1;
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("NTH");

    void *shared =
        mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED || text == NULL)
        return;
    left = shared;
    atomic_store(left, atol(text));
    dl_iterate_phdr(find, NULL);
}

static int is_nth(const void *caller)
{
    uintptr_t at = (uintptr_t)caller;

    return at >= low && at < high && atomic_fetch_sub(left, 1) == 1;
}

/* Libc's own functions, by names that are nobody's to replace. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t size)
{
    return is_nth(__builtin_return_address(0)) ? no_memory() : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return is_nth(__builtin_return_address(0)) ? no_memory() : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return is_nth(__builtin_return_address(0)) ? no_memory() : __libc_realloc(old, size);
}

char *strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = is_nth(__builtin_return_address(0)) ? no_memory() : __libc_malloc(size);

    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                   void *argument)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
        (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))(uintptr_t)dlsym(
            RTLD_NEXT, "pthread_create");

    if (is_nth(__builtin_return_address(0)))
        return EAGAIN;
    return real(thread, attributes, body, argument);
}

/*
 * slow_lookup.c: preloaded, all names are this machine's; those that are looked up while there
 * is a file "slow" are so until that is gone, and not found
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stddef.h>
#include <unistd.h>

_Atomic int slow_lookups; /* that go on */

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    lookup *next = (lookup *)dlsym(RTLD_NEXT, "getaddrinfo");

    (void)name;
    if (access("slow", F_OK) != 0)
        return next("127.0.0.1", service, hints, found);
    slow_lookups++;
    while (access("slow", F_OK) == 0)
        usleep(20000);
    slow_lookups--;
    return EAI_AGAIN;
}

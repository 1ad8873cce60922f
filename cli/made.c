/* made.c: a proxy that was made, told to people or to programs */
#include "psctl.h"

static void print_text(const char *path, const struct ps_proxy *proxy)
{
    print_clean(stdout, path);
    fputs(": ", stdout);
    print_clean(stdout, proxy->object);
    printf(", %llu bytes\n", (unsigned long long)proxy->size);
}

static void print_json(const char *path, const struct ps_proxy *proxy)
{
    fputs("{\"proxy\": ", stdout);
    json_string(stdout, path);
    fputs(", \"object\": ", stdout);
    json_string(stdout, proxy->object);
    printf(", \"size\": %llu", (unsigned long long)proxy->size);
    json_field("version", proxy->version);
    json_field("digest", proxy->digest);
    fputs("}\n", stdout);
}

void print_made(const char *path, const struct ps_proxy *proxy, int is_json)
{
    if (is_json)
        print_json(path, proxy);
    else
        print_text(path, proxy);
}

/* made.c: a proxy that was made, told to people or to programs */
#include <errno.h>
#include <string.h>

#include "psctl.h"

int is_output(const char *path)
{
    return strcmp(path, "-") == 0;
}

int write_proxy(const struct ps_proxy *proxy, const char *path, struct ps_error *err)
{
    char text[PS_PROXY_FILE_SIZE];
    int result;

    if (!is_output(path))
        return ps_proxy_write(proxy, path, err);
    result = ps_proxy_format_file(proxy, text, err);
    if (result == 0 && (fwrite(text, sizeof(text), 1, stdout) != 1 || fflush(stdout) != 0))
        result = ps_error_set(err, PS_E_SYSTEM, errno, "standard output");
    return result;
}

FILE *words_to(const char *path, int is_json)
{
    return is_json || is_output(path) ? stderr : stdout;
}

static void print_text(FILE *to, const char *path, const struct ps_proxy *proxy)
{
    print_clean(to, path);
    fputs(": ", to);
    print_clean(to, proxy->object);
    fprintf(to, ", %llu bytes\n", (unsigned long long)proxy->size);
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
        print_text(words_to(path, is_json), path, proxy);
}

/* cmd_evict.c: psctl evict: an object out of its store; the proxies of it stay, and fail */
#include <getopt.h>
#include <limits.h>
#include <string.h>

#include "psctl.h"

/*
 * is_somebodys_file: does the proxy name a file that no store made?
 *
 * "psctl proxy thesis.tex" and then "psctl evict" would delete the text
 * itself. A file store leaves a mark, <key>.ready, beside what it made.
 */
static int is_somebodys_file(const char *store, const char *key)
{
    const char *path = strstr(store, "file://");
    char folder[PS_URI_MAX], mark[2 * PS_URI_MAX + 8];
    struct stat status;

    if (path == NULL || (path != store && path[-1] != '+'))
        return 0;
    path += strlen("file://");
    if (percent_decode(folder, path, path + strcspn(path, "?"), NULL) < 0)
        return 1;
    snprintf(mark, sizeof(mark), "%s/%s.ready", folder, key);
    return raw_stat(mark, &status) < 0;
}

static int evict(const char *argument, int is_forced, int is_json)
{
    char url[PS_URI_MAX], key[PS_URI_MAX];
    struct ps_store *store;
    struct ps_error err = {0};
    struct ps_proxy proxy, found;
    int result;

    if (load_proxy(&proxy, argument, &err) < 0 || is_refused(argument, &err) ||
        open_store_of(&store, proxy.object, url, key, &err) < 0)
        return fail("%s", err.message);
    ps_error_clear(&err);
    result = ps_store_exists(store, key, &err);
    if (result > 0 && (ps_store_proxy(store, key, &found, &err) < 0 ||
                       is_elsewhere(argument, &proxy, &found, &err)))
        result = err.code;
    if (result > 0 && !is_forced && is_somebodys_file(url, key)) {
        ps_store_close(store);
        return fail("%s is a file that no store made; --force removes it", proxy.object);
    }
    if (result > 0)
        result = ps_store_evict(store, key, &err) < 0 ? err.code : 1;
    ps_store_close(store);
    if (result < 0)
        return fail("%s", err.message);
    if (is_json) {
        fputs("{\"object\": ", stdout);
        json_string(stdout, proxy.object);
        printf(", \"removed\": %s}\n", result > 0 ? "true" : "false");
        return STATUS_OK;
    }
    print_clean(stdout, proxy.object);
    puts(result > 0 ? " is removed; its proxies fail as \"not found\" from now on"
                    : " was not there; its proxies fail as \"not found\"");
    return STATUS_OK;
}

int cmd_evict(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{"force", no_argument, NULL, 'f'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int option, is_forced = 0, is_json = 0, status = STATUS_USAGE;
    const char *argument;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":fjh", options, NULL)) != -1) {
        if (option == 'f')
            is_forced = 1;
        else if (option == 'j')
            is_json = 1;
        else if (option == 'h')
            return show_help(self);
        else
            return bad_option(self, option, argv);
    }
    argument = one_operand(self, argc, argv, &status);
    return argument != NULL ? evict(argument, is_forced, is_json) : status;
}

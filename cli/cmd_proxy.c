/* cmd_proxy.c: psctl proxy: a proxy of what is already there */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "psctl.h"

static int check_path(const char *path)
{
    struct stat status;
    int result = raw_stat(path, &status);

    if (result < 0)
        return fail("%s: %s", path, strerror(-result));
    if (S_ISDIR(status.st_mode))
        return fail("%s is a folder", path);
    if (!S_ISREG(status.st_mode))
        return fail("%s is no ordinary file", path);
    if (access(path, R_OK) != 0)
        return fail("%s: %s", path, strerror(errno));
    if (is_proxy_file(path))
        return fail("%s is a proxy file already", path);
    return STATUS_OK;
}

/* describe: ask the store of an object for its proxy */
static int describe(const char *url, struct ps_proxy *proxy)
{
    char store_url[PS_URI_MAX], key[PS_URI_MAX];
    struct ps_store *store;
    struct ps_error err = {0};
    int result;

    if (open_store_of(&store, url, store_url, key, &err) < 0)
        return fail("%s", err.message);
    result = ps_store_proxy(store, key, proxy, &err);
    ps_store_close(store);
    return result < 0 ? fail("%s", err.message) : STATUS_OK;
}

static int make_proxy(const char *place, const char *output, int is_json)
{
    char url[PS_URI_MAX], path[PATH_MAX];
    struct ps_proxy proxy;
    struct ps_error err = {0};
    int status = is_url(place) ? STATUS_OK : check_path(place);

    if (status == STATUS_OK)
        status = choose_proxy_path(place, output, path, sizeof(path));
    if (status != STATUS_OK)
        return status;
    if (!is_url(place) && file_url(place, url, sizeof(url), &err) < 0)
        return fail("%s", err.message);
    status = describe(is_url(place) ? place : url, &proxy);
    if (status != STATUS_OK)
        return status;
    if (write_proxy(&proxy, path, &err) < 0)
        return fail("%s", err.message);
    print_made(path, &proxy, is_json);
    record_trust(proxy.object, words_to(path, is_json));
    return STATUS_OK;
}

int cmd_proxy(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    const char *place, *output = NULL;
    int answer, is_json = 0, status = STATUS_USAGE;

    opterr = 0;
    while ((answer = getopt_long(argc, argv, ":o:jh", options, NULL)) != -1) {
        if (answer == 'o')
            output = optarg;
        else if (answer == 'j')
            is_json = 1;
        else if (answer == 'h')
            return show_help(self);
        else
            return bad_option(self, answer, argv);
    }
    place = one_operand(self, argc, argv, &status);
    if (place == NULL)
        return status;
    if (is_json && output != NULL && is_output(output))
        return usage(self, "--json: the proxy goes to standard output; use -o PROXY");
    if (is_url(place) && strchr(place, '#') != NULL)
        return fail("%s: the URL of an object has no attributes (\"#\")", place);
    return make_proxy(place, output, is_json);
}
